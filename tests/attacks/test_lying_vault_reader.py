"""A vault that lies to agencies: whatever it answers, nothing false is kept or told, and nothing breaks.

As ``test_lying_vault.py`` does for wallets: each row is one act of a bank, an issuer or an authority, one route that
it takes, and the lies that the vault tells there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx2
import pytest

from protocol.encoding import b64u
from protocol.errors import OneFileError
from protocol.scenario import parse_scenario, scenario_from_json, sign_scenario
from tests.attacks.liar import LIES, Lie, bending, saying
from tests.attacks.reader_offices import Offices, offices
from tests.attacks.reader_world import ACTS, Act, check_profile, scenario_source
from tests.attacks.telling import changes_of, check_met, check_refusal, first_of, lies_for, rows_of
from tests.vault_stage import Party

ROWS = rows_of(ACTS)
TEXTS = {"tile", "checkpoint", "grant_payload", "show_payload", "status_list"}  # whose answers are not JSON
FIRST = first_of(ROWS, TEXTS)
WHOLE = {("release", "release"), ("release", "grant_payload"), ("scan", "show")}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offices]:
    with offices(tmp_path_factory.mktemp("offices")) as made:
        yield made


@pytest.mark.parametrize("name", ACTS)
def test_without_a_lie_every_act_is_done_and_takes_these_routes(stage: Offices, name: str) -> None:
    act = ACTS[name]
    stage.rewind()
    session = act.prepare(stage)
    stage.honest()
    found = act.act(stage, session)
    taken = set(stage.liar.heard)
    act.check(stage, session, found)
    check_profile(stage, session)
    assert taken == set(act.calls)


def told(stage: Offices, act: Act, route: str, lie: Lie) -> OneFileError | None:
    """The refusal that the lie got, if it got one; whatever came of it, nothing false may stand or be said."""
    stage.rewind()
    session = act.prepare(stage)
    stage.honest()
    stage.liar.lies[route] = lie
    refusal = None
    try:
        found = act.act(stage, session)
        act.check(stage, session, found)
    except OneFileError as error:
        refusal = error
        assert not stage.out.exists() or name_of(act) == "review", "something was kept of what was refused"
    assert {request.url.host for request in stage.liar.requests} <= {"vault.example"}
    stage.liar.lies.clear()
    check_profile(stage, session)
    return refusal


def name_of(act: Act) -> str:
    return next(name for name, one in ACTS.items() if one is act)


@pytest.mark.parametrize(("name", "route"), ROWS, ids=[f"{act}: {route}" for act, route in ROWS])
def test_no_answer_of_another_form_is_believed(stage: Offices, name: str, route: str) -> None:
    for what in lies_for((name, route), WHOLE):
        check_refusal(told(stage, ACTS[name], route, LIES[what].lie), what)


@pytest.mark.parametrize(("route", "name"), FIRST.items(), ids=[f"{act}: {route}" for route, act in FIRST.items()])
def test_no_changed_member_of_an_answer_is_believed(stage: Offices, route: str, name: str) -> None:
    stage.rewind()
    session = ACTS[name].prepare(stage)
    stage.honest()
    ACTS[name].act(stage, session)
    for change in changes_of(stage.liar.heard[route][0]):
        check_met(told(stage, ACTS[name], route, bending(change)), change)


# --- falsehoods by name -----------------------------------------------------------------------------


def thiefs_card(stage: Offices) -> Lie:
    """A key card of the holder's dossier with a thief's keys, signed by the thief."""
    thief = Party("thief")
    card = thief.make_card(stage.stage.alice.dossier, stage.stage.vault.vault.dossier_domain, stage.stage.clock.now())
    return lambda _request, answer: saying(answer, json.dumps({"card": card.to_json()}).encode())


def older_card(stage: Offices) -> Lie:
    """Another dossier's true key card."""
    bob = stage.stage.vault.holder(f"bob {stage.number()}")
    return lambda _request, answer: saying(answer, json.dumps({"card": bob.envelopes[-1].to_json()}).encode())


def invented_version(stage: Offices) -> Lie:
    """The very scenario that is about to be published, as version 1 of this authority, signed by a thief."""

    def lie(_request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        body = {**scenario_source(stage), "version": 1, "supersedes": None, "authority": stage.stage.vault.urn(stage.stage.authority)}
        body["scenario_id"] = f"loan-{stage.said}"
        raw = sign_scenario(scenario_from_json(body), Party("thief").present)
        row = {"hash": b64u(parse_scenario(raw).hash), "scenario": raw, "index": 1}
        return saying(answer, json.dumps({"rows": [row], "next": None}).encode())

    return lie


NAMED: dict[str, tuple[str, str, Callable[[Offices], Lie], str | None]] = {
    "a key card of a thief for the holder": ("issue", "card", thiefs_card, "card_signature"),
    "the key card of another holder": ("issue", "card", older_card, "card_subject"),
    "a version that we never signed": ("publish a scenario", "scenarios", invented_version, None),
}


@pytest.mark.parametrize(("name", "route", "make", "code"), NAMED.values(), ids=NAMED)
def test_a_falsehood_is_not_believed(
    stage: Offices, name: str, route: str, make: Callable[[Offices], Lie], code: str | None
) -> None:
    stage.rewind()
    refusal = told(stage, ACTS[name], route, make(stage))
    assert (refusal.code if refusal is not None else None) == code


# The vault keeps the request and gives the answer that it gave to the one before.
NEVER_DONE = [
    ("a deposit", "issue", "deposit", "deposit_answer"),
    ("an upload", "issue", "upload", "payload_missing"),
    ("a status list", "publish a list", "put_status_list", "status_not_published"),
    ("a scenario", "publish a scenario", "post_scenario", "scenario_answer"),
    ("a key card, on chain", "register", "relay", "card_not_published"),
    ("a key card, at the vault", "register", "put_agency_card", None),
    ("a use", "release", "release", "parcel_other"),
    ("a collected code", "scan", "collect", "show_unknown"),
]


@pytest.mark.parametrize(("name", "route", "code"), [row[1:] for row in NEVER_DONE], ids=[row[0] for row in NEVER_DONE])
def test_what_was_never_done_is_not_believed(stage: Offices, name: str, route: str, code: str | None) -> None:
    act = ACTS[name]
    stage.rewind()
    session = act.prepare(stage)
    stage.honest()
    act.act(stage, session)
    before = stage.liar.heard[route][-1]
    stage.rewind()
    session = act.prepare(stage)
    stage.honest()
    stage.liar.instead[route] = before
    caught: OneFileError | None = None
    try:
        act.check(stage, session, act.act(stage, session))
    except OneFileError as error:
        caught = error
    assert (caught.code if caught is not None else None) == code
    assert not stage.out.exists()
    stage.honest()
    check_profile(stage, session)
