"""What a vault could say to a wallet on purpose: each falsehood by its name, and how the wallet refuses it.

Other than in ``test_lying_vault.py`` these answers have the right form, and mostly the right signatures: they are true
of something else, of another time, or of another log. A row without a code is one that the wallet may live with, since
what it then believes is true.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest

from console import exits
from protocol.encoding import b64u
from protocol.identifiers import agency_subject
from protocol.jose import P256Signer
from protocol.keycard import first_card, seal_card
from protocol.merkle import leaf_hash
from protocol.merkle import root as tree_root
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.scenario import sign_scenario
from protocol.status_list import StatusList, sign_status_token, status_uri
from tests.attacks.liar import Lie, saying
from tests.attacks.test_lying_vault import Make, recovered, told
from tests.attacks.wallet_acts import ACTS
from tests.attacks.wallet_world import Theatre, theatre
from tests.unit.wallet_cli.conftest import small_loan
from tests.wallet_stage import account
from vault_api.log_key import read_secret

THIEF = P256Signer.from_secret(bytes(31) + b"\x77")


@dataclass(frozen=True)
class Row:
    """One falsehood: the act during which it is told, the route, and the code of the refusal (None: harmless)."""

    name: str
    act: str
    route: str
    lie: Make
    code: str | None


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with theatre(tmp_path_factory.mktemp("named")) as made:
        yield made


# --- ways to lie ------------------------------------------------------------------------------------


def body(change: Callable[[Any], Any]) -> Make:
    """The true answer (JSON), changed."""
    return lambda _theatre: lambda _request, answer: saying(answer, json.dumps(change(json.loads(answer.content))).encode())


def rows(change: Callable[[list[Any]], list[Any]]) -> Make:
    """The true page with other rows."""
    return body(lambda page: {**page, "rows": change(page["rows"])})


def raw(make: Callable[[Theatre], bytes]) -> Make:
    """Other bytes in the place of the answer's."""


    def lying(theatre: Theatre) -> Lie:
        content = make(theatre)
        return lambda _request, answer: saying(answer, content)

    return lying


def said_to(whom: str, ask: Callable[[Any], Any]) -> Make:
    """The answer that another holder gets to the same question."""

    def make(theatre: Theatre) -> Lie:
        content = ask(getattr(theatre, whom).api).model_dump_json().encode()
        return lambda _request, answer: saying(answer, content)

    return make


def members(index: int, **changes: Any) -> Callable[[list[Any]], list[Any]]:
    """The rows with one of them changed in some members."""
    return lambda found: [{**row, **changes} if row is found[index] else row for row in found]


def swapped(name: str) -> Callable[[list[Any]], list[Any]]:
    """The first two rows with one member exchanged."""
    return lambda found: [{**found[0], name: found[1][name]}, {**found[1], name: found[0][name]}, *found[2:]]


def logged(index: int, **changes: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda found: [
        {**row, "logged": {**row["logged"], **changes}} if row is found[index] else row for row in found
    ]


def endless() -> Make:
    """A page after every page."""
    count = iter(range(1 << 30))
    return body(lambda page: {**page, "next": f"page-{next(count)}"})


# --- heads of the log -------------------------------------------------------------------------------


def log_signer(theatre: Theatre, name: str | None = None) -> Ed25519NoteSigner:
    """The vault's own key, in the hands of a liar; under another name it is another log's."""
    seed = read_secret(theatre.stage.vault.settings.log_key)
    assert seed is not None
    return Ed25519NoteSigner(name or theatre.stage.vault.origin, seed)


def leaves(theatre: Theatre) -> list[bytes]:
    from vault_api.db import tables as t

    with theatre.stage.vault.engine.connect() as conn:
        return [leaf_hash(row.entry) for row in conn.execute(t.entries.select().order_by(t.entries.c.idx))]


def head(size: Callable[[int], int], *, fork: bool = False, name: str | None = None, thief: bool = False) -> Make:
    """A signed head of a size that follows from the true one; ``fork``: of a history in which one leaf is another."""

    def make(theatre: Theatre) -> bytes:
        true = leaves(theatre)
        wanted = size(len(true))
        made = [*true, *[bytes([7]) * 32] * max(0, min(wanted, 4000) - len(true))][:wanted]
        if fork:
            made[1] = bytes([9]) * 32
        signer = log_signer(theatre, name)
        if thief:
            signer = Ed25519NoteSigner(signer.name, bytes(32))
        return sign_checkpoint(Checkpoint(signer.name, wanted, tree_root(made)), signer)

    return raw(make)


def first_head(theatre: Theatre) -> bytes:
    """The head of the log's first day, as it was truly signed."""
    true = leaves(theatre)[:2]
    return sign_checkpoint(Checkpoint(theatre.stage.vault.origin, 2, tree_root(true)), log_signer(theatre))


# --- cards, lists, scenarios of others --------------------------------------------------------------


def thiefs_card(theatre: Theatre) -> dict[str, Any]:
    """A key card for the bank with the thief's keys, signed by the thief's account and key."""
    domain, now = theatre.stage.domain("agency_registry"), theatre.stage.clock.now()
    sealing = theatre.bob.keys.sealing(1).recipient().public
    card = first_card(agency_subject(theatre.world.bank.account), THIEF.public_jwk(), sealing, valid_from=now)
    return seal_card(card, domain, THIEF, sealing, account("thief").sign_digest(card.digest(domain))).to_json()


def with_thiefs_card(theatre: Theatre) -> Lie:
    card = thiefs_card(theatre)
    return lambda _request, answer: saying(answer, json.dumps({**json.loads(answer.content), "card": card}).encode())


def banks_true_card_with_other_keys(theatre: Theatre) -> Lie:
    """The registered card, with the thief's public keys beside it."""
    card = thiefs_card(theatre)
    kept = {name: card[name] for name in card if name not in {"card", "account_signature"}}

    def lie(_request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        true = json.loads(answer.content)
        return saying(answer, json.dumps({**true, "card": {**true["card"], **kept}}).encode())

    return lie


def token(**changes: Any) -> Make:
    """A status list with everybody valid; by the thief, of another list or of another time."""

    def make(theatre: Theatre) -> bytes:
        hr, now = theatre.world.hr, theatre.stage.clock.now()
        signer = changes.get("signer", hr.present)
        issuer = changes.get("issuer", hr)
        uri = status_uri(issuer.account, changes.get("number", 0))
        made = StatusList.empty().token(
            iss=issuer.urn, uri=uri, iat=now + changes.get("age", 0), lifetime_s=changes.get("lifetime_s", 3600)
        )
        return sign_status_token(made, signer).encode()

    return raw(make)


def foreign_token(theatre: Theatre) -> Lie:
    """The clean list of another issuer, truly signed by that one."""
    bank = theatre.world.bank
    now = theatre.stage.clock.now()
    made = StatusList.empty().token(iss=bank.urn, uri=status_uri(bank.account, 0), iat=now, lifetime_s=3600)
    content = sign_status_token(made, bank.present).encode()
    return lambda _request, answer: saying(answer, content)


def greedy(theatre: Theatre, *, signer: Any = None, **changes: Any) -> str:
    """The same scenario, asking for more."""
    authority = theatre.world.authority
    made = replace(small_loan(authority, version=2, max_uses=1000, retention_days=3650), **changes)
    return sign_scenario(made, signer or authority.present)


def scenario_in_its_place(signer: Any = None, **changes: Any) -> Make:
    def make(theatre: Theatre) -> Lie:
        from protocol.scenario import parse_scenario

        text = greedy(theatre, signer=signer, **changes)
        row = {"hash": b64u(parse_scenario(text).hash), "scenario": text, "index": 1}

        def lie(_request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
            true = json.loads(answer.content)
            return saying(answer, json.dumps({**true, "rows": [row]} if "rows" in true else row).encode())

        return lie

    return make


def by_an_agency_that_is_no_authority(theatre: Theatre) -> Lie:
    bank = theatre.world.bank
    return scenario_in_its_place(signer=bank.present, authority=bank.urn)(theatre)


def subject_of(api: Any) -> bytes:
    """The dossier of whoever signs with this api."""
    return bytes.fromhex(api.me().dossier[2:])


def other_info(**changes: Any) -> Make:
    return body(lambda info: {**info, **changes})


OTHER_LOG = "onefile/31337/0x" + "9" * 40 + "/main"

ROWS = [
    # history
    Row("an event of the middle left out", "first sync", "log", rows(lambda found: [*found[:1], *found[2:]]), "history_order"),
    Row("the newest event left out", "sync", "log", rows(lambda found: found[:-1]), None),
    Row("an event told twice", "sync", "log", rows(lambda found: [*found, found[-1]]), "history_order"),
    Row("two events in each other's place", "first sync", "log", rows(lambda found: [*found[:-2], found[-1], found[-2]]), "history_order"),
    Row("fewer events than were seen before", "sync", "log", rows(lambda found: found[:2]), "rolled_back"),
    Row("no events at all", "sync", "log", rows(lambda _found: []), "rolled_back"),
    Row("the history of another dossier", "sync", "log", said_to("bob", lambda api: api.log()), "history_changed"),
    Row("the history of another dossier, to a new device", "first sync", "log", said_to("bob", lambda api: api.log()), "history_link"),
    Row("an event of before rewritten", "sync", "log", rows(logged(1, entry=b64u(b"{}"))), "history_changed"),
    Row("an object of before rewritten", "sync", "log", rows(logged(1, object=b64u(b"something else"))), None),
    Row("a receipt of before taken away", "sync", "log", rows(members(3, receipt=None)), None),
    Row("an object that was not logged", "first sync", "log", rows(logged(1, object=b64u(b"something else"))), "opening_object"),
    Row("an opening that opens nothing", "first sync", "log", rows(lambda found: logged(1, opening={**found[1]["logged"]["opening"], "salt": "A" * 43})(found)), "opening_commitment"),
    Row("a use that is said to be erased", "first sync", "log", rows(logged(3, opening=None, object=None)), "receipt_other"),
    Row("a use that is said to be erased, receipt and all", "first sync", "log", rows(lambda found: members(3, receipt=None)(logged(3, opening=None, object=None)(found))), None),
    Row("pages without end", "sync", "log", endless(), "base64url"),
    Row("a page that follows itself", "sync", "log", body(lambda page: {**page, "rows": [], "next": "again"}), "vault_pages"),
    Row("a page of three hundred", "sync", "log", rows(lambda found: found * 60), "vault_answer"),
    Row("a page token of a megabyte", "sync", "log", body(lambda page: {**page, "next": "x" * (1 << 20)}), "vault_answer"),
    # heads
    Row("a head of the first day", "sync", "checkpoint", raw(first_head), "rolled_back"),
    Row("a fork of the same size", "first sync", "checkpoint", head(lambda size: size, fork=True), "proof_other"),
    Row("a fork that is longer", "sync", "checkpoint", head(lambda size: size + 3, fork=True), "checkpoint_unknown"),
    Row("a longer log that nobody can fetch", "sync", "checkpoint", head(lambda size: size + 3), "checkpoint_unknown"),
    Row("a head by another key", "sync", "checkpoint", head(lambda size: size, thief=True), "note_unsigned"),
    Row("a head of another log", "sync", "checkpoint", head(lambda size: size, name=OTHER_LOG), "note_unsigned"),
    Row("a proof for another size", "sync", "consistency", body(lambda found: {**found, "proof": found["proof"][:-1]}), "consistency_proof"),
    Row("a proof of nothing", "sync", "consistency", body(lambda found: {**found, "proof": []}), "consistency_proof"),
    Row("a proof that goes on", "sync", "consistency", body(lambda found: {**found, "proof": [*found["proof"], "A" * 43]}), "consistency_proof"),
    Row("the proof of another entry", "sync", "proof", raw(lambda theatre: theatre.world.alice.public_api.proof(1)), "inclusion_proof"),
    # items
    Row("an item that is withheld", "sync", "items", rows(lambda found: found[1:]), "item_withheld"),
    Row("a new item that is withheld", "first sync", "items", rows(lambda found: found[:-1]), "item_withheld"),
    Row("an item twice", "sync", "items", rows(lambda found: [*found, found[0]]), "item_twice"),
    Row("another dossier's item", "sync", "items", lambda theatre: rows(lambda found: [next(theatre.bob.api.items()).model_dump(mode="json"), *found[1:]])(theatre), "item_not_issued"),
    Row("an item that is said to be deleted", "sync", "items", rows(members(0, state="deleted", slip=None, item_salt=None, headers=[], opening=None)), "item_not_deleted"),
    Row("the slips of two items exchanged", "sync", "items", rows(swapped("slip")), "item_slip"),
    Row("the headers of two items exchanged", "sync", "items", rows(swapped("headers")), "item_headers"),
    Row("the salts of two items exchanged", "first sync", "items", rows(swapped("item_salt")), None),
    Row("the ids of two items exchanged", "sync", "items", rows(swapped("item")), "item_foreign"),
    Row("the places of two items exchanged", "sync", "items", rows(swapped("index")), "item_not_issued"),
    Row("the headers of one item in another order", "first sync", "items", rows(lambda found: members(0, headers=found[0]["headers"][::-1])(found)), "item_headers"),
    # payloads
    Row("another payload in its place", "open", "payload", raw(lambda theatre: b"x" * 500), "item_damaged"),
    Row("a payload that is longer than its slip says", "open", "payload", lambda _theatre: lambda _request, answer: saying(answer, answer.content + b"x" * (1 << 20)), "item_damaged"),
    Row("a payload cut off", "open", "payload", lambda _theatre: lambda _request, answer: saying(answer, answer.content[:-1]), "item_damaged"),
    # status
    Row("a clean list by a thief", "claim", "status_list", token(signer=THIEF), None),
    Row("a clean list of the same issuer under another number", "claim", "status_list", token(number=1), None),
    Row("a clean list of yesterday", "claim", "status_list", token(age=-7200, lifetime_s=3600), None),
    Row("a clean list of tomorrow", "claim", "status_list", token(age=86_400), None),
    Row("the clean list of another issuer", "claim", "status_list", foreign_token, None),
    Row("a clean list by a thief, for an export", "export", "status_list", token(signer=THIEF), None),
    # agencies and their cards
    Row("a key card of a thief for the reader", "grant", "agency", with_thiefs_card, "card_not_here"),
    Row("the reader's key card with a thief's keys", "grant", "agency", banks_true_card_with_other_keys, "card_present_key"),
    Row("a key card of a thief for who collects", "show", "my_show", body(lambda show: show), None),
    Row("no key card at all", "grant", "agency", body(lambda row: {**row, "card": None}), "card_not_here"),
    Row("our own key card, of another holder", "grant", "card", said_to("bob", lambda api: api.card(subject_of(api))), "card_subject"),
    # scenarios
    Row("a scenario that asks for more, by a thief", "grant", "scenarios", scenario_in_its_place(signer=THIEF), "card_not_here"),
    Row("a scenario by an agency that is no authority", "grant", "scenarios", by_an_agency_that_is_no_authority, "scenario_authority"),
    Row("a scenario of another registry", "grant", "scenarios", scenario_in_its_place(authority="urn:onefile:agency:1:0x" + "1" * 40 + ":0x" + "2" * 40), "scenario_registry"),
    Row("a scenario by its authority that never came into the log", "grant", "scenarios", scenario_in_its_place(), "scenario_not_logged"),
    Row("a scenario that is withheld", "grant", "scenarios", rows(lambda _found: []), "scenario_not_found"),
    Row("another scenario than who collects named", "show", "scenario", scenario_in_its_place(), "scenario_hash"),
    # the vault itself
    Row("a clock of the year 9999", "grant", "info", other_info(time=253_402_300_799), None),
    Row("a clock of 1970", "grant", "info", other_info(time=0), "grant_expired"),
    Row("a log of another chain", "learn the log", "info", other_info(log_origin=OTHER_LOG.replace("31337", "1")), "vault_other_chain"),
    Row("a log of another contract", "learn the log", "info", other_info(log_origin=OTHER_LOG), "vault_other_chain"),
    Row("a log key of its own", "learn the log", "info", lambda theatre: other_info(log_vkey=str(Ed25519NoteSigner(theatre.stage.vault.origin, bytes(32)).vkey))(theatre), "vault_other_log"),
    Row("another dossier than ours", "view", "me", said_to("bob", lambda api: api.me()), "dossier_other"),
    Row("fewer events than we have seen", "view", "me", body(lambda me: {**me, "next_n": 1}), "rolled_back"),
    # grants
    Row("a grant that is hidden", "grants", "my_grants", rows(lambda found: found[1:]), "grant_withheld"),
    Row("a living grant called ended", "grants", "my_grants", rows(members(0, state="revoked")), "grant_not_ended"),
    Row("grants of another dossier", "grants", "my_grants", rows(lambda found: [{**found[0], "grant": found[1]["grant"]}, *found[1:]]), "grant_withheld"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_falsehood_is_not_believed(stage: Theatre, row: Row) -> None:
    refusal = told(stage, ACTS[row.act], row.route, make=row.lie)
    assert (refusal.code if refusal is not None else None) == row.code
    assert refusal is None or exits.exit_code(refusal) != exits.OK
    recovered(stage)


# --- what was never done ----------------------------------------------------------------------------

# The vault keeps the request and gives the answer that it gave to the one before.
NEVER_DONE = [
    ("a claim", "claim", "state", "opening_object"),
    ("a deletion", "delete", "delete_item", "not_logged"),
    ("a deposit", "put", "deposit", "deposit_answer"),
    ("an upload", "put", "upload", "payload_missing"),
    ("a grant", "grant", "post_grant", "grant_answer"),
    ("the end of a grant", "revoke", "revoke", None),  # its secret goes to the chain all the same
    ("a new key card, on chain", "renew", "relay", "relay_false"),
    ("a new key card, at the vault", "renew", "put_card", None),
    ("the end of all grants", "end all grants", "relay", "relay_false"),
    ("the opening of a dossier, on chain", "init", "relay", "dossier_unknown"),
    ("the opening of a dossier, at the vault", "init", "open_dossier", None),
]


@pytest.mark.parametrize(("name", "route", "code"), [row[1:] for row in NEVER_DONE], ids=[row[0] for row in NEVER_DONE])
def test_what_was_never_done_is_not_believed(stage: Theatre, name: str, route: str, code: str | None) -> None:
    act = ACTS[name]
    act.act(stage, stage.begin(act))
    before = stage.liar.heard[route][-1]
    refusal = told(stage, act, route, make=lambda theatre: theatre.liar.instead.update({route: before}), after=True)
    assert (refusal.code if refusal is not None else None) == code
    recovered(stage)


def test_the_end_of_a_grant_that_neither_log_nor_chain_has_is_not_believed(stage: Theatre) -> None:
    act = ACTS["revoke"]
    act.act(stage, stage.begin(act))
    answers = {route: stage.liar.heard[route][-1] for route in ("revoke", "relay")}
    refusal = told(stage, act, "revoke", make=lambda theatre: theatre.liar.instead.update(answers), after=True)
    assert refusal is not None
    assert refusal.code == "not_logged"
    recovered(stage)
