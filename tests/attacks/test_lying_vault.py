"""A vault that lies to a wallet: whatever it answers, nothing false is kept or told, and nothing breaks.

Every row is one act of a holder, one route that it takes, and one lie that the vault tells there. After each of them
the profile is compared with the truth, and the next honest sync goes well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from protocol.errors import OneFileError
from tests.attacks.liar import LIES, Lie, bending
from tests.attacks.telling import changes_of, check_met, check_refusal, first_of, lies_for, rows_of
from tests.attacks.wallet_acts import ACTS, Act, truth_of
from tests.attacks.wallet_world import Theatre, theatre
from wallet_cli.services import syncing

Make = Callable[[Theatre], Lie | None]
ROWS = rows_of(ACTS)
TEXTS = {"checkpoint", "proof", "tile", "payload", "status_list"}  # whose answers are not JSON
FIRST = first_of(ROWS, TEXTS)
WHOLE = {("sync", "log"), ("sync", "checkpoint"), ("open", "payload"), ("put", "deposit")}  # one of each kind of answer


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with theatre(tmp_path_factory.mktemp("lies")) as made:
        yield made


@pytest.mark.parametrize("name", ACTS)
def test_without_a_lie_every_act_is_done_and_takes_these_routes(stage: Theatre, name: str) -> None:
    act = ACTS[name]
    session = stage.begin(act)
    stage.liar.heard.clear()
    found = act.act(stage, session)
    truth = truth_of(stage, session)
    act.check(stage, session, truth, found)
    truth.check(session)
    assert set(stage.liar.heard) == set(act.calls)


def told(
    stage: Theatre, act: Act, route: str, lie: Lie | None = None, *, make: Make | None = None, after: bool = False
) -> OneFileError | None:
    """The refusal that the lie got, if it got one; whatever came of it, nothing false may stand or be said.

    ``make``: a lie that is thought out when the act is about to begin. ``after``: what was done before stays done.
    """
    session = stage.begin_after(act) if after else stage.begin(act)
    made = lie if make is None else make(stage)
    if made is not None:
        stage.liar.lies[route] = made
    refusal, found = None, None
    try:
        found = act.act(stage, session)
    except OneFileError as error:
        refusal = error
    stage.liar.lies.clear()
    stage.liar.instead.clear()
    truth = truth_of(stage, session)
    if refusal is None:
        act.check(stage, session, truth, found)
    truth.check(session)
    return refusal


def recovered(stage: Theatre) -> None:
    """The lie has left nothing behind that the truth does not mend."""
    session = stage.session(honest=True)
    syncing.sync(session)
    truth_of(stage, session).check(session)


@pytest.mark.parametrize(("name", "route"), ROWS, ids=[f"{act}: {route}" for act, route in ROWS])
def test_no_answer_of_another_form_is_believed(stage: Theatre, name: str, route: str) -> None:
    for what in lies_for((name, route), WHOLE):
        check_refusal(told(stage, ACTS[name], route, LIES[what].lie), what)
        assert {request.url.host for request in stage.liar.requests} == {"vault.test"}, what
    recovered(stage)


def members_of(stage: Theatre, name: str, route: str) -> list[str]:
    """What can be changed in the answer that this act gets on this route; a fair share of it, or all."""
    session = stage.begin(ACTS[name])
    stage.liar.heard.clear()
    ACTS[name].act(stage, session)
    return changes_of(stage.liar.heard[route][0])


@pytest.mark.parametrize(("route", "name"), FIRST.items(), ids=[f"{act}: {route}" for route, act in FIRST.items()])
def test_no_changed_member_of_an_answer_is_believed(stage: Theatre, route: str, name: str) -> None:
    for change in members_of(stage, name, route):
        check_met(told(stage, ACTS[name], route, bending(change)), change)
    recovered(stage)
