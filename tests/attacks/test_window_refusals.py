"""Two programs and a vault at one window: what goes wrong is refused on both sides, and says why.

Wallet and window are the real services on one in-process vault; ``both`` holds the two sessions.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest

from agency_cli.services.scan import Scanned, ScanOrder, scan
from agency_cli.window.counter import Counter
from client import deployment as deployments
from client.checks import open_desk
from client.profile import Party, Profile
from client.session import Session
from protocol import wire
from protocol.encoding import b64u
from protocol.errors import Conflict, OneFileError
from protocol.hashing import ZERO32
from protocol.identifiers import agency_subject
from protocol.receipts import Officer
from protocol.request_code import RequestCode, parse_request, sign_request
from tests.unit.wallet_cli.conftest import World, make_world
from tests.unit.wallet_cli.receipts import receipt
from tests.wallet_stage import ORIGIN, Agency, Stage
from wallet_cli.services import answering, syncing
from wallet_cli.services.collecting import Collecting
from wallet_cli.services.opening import open_item
from wallet_cli.services.showing import Showing

OFFICER = Officer("officer", "desk 3")


class Wire(httpx2.BaseTransport):
    """The window's way to the vault; ``then`` happens once the vault has taken a collect."""

    def __init__(self, honest: httpx2.BaseTransport) -> None:
        self.honest = honest
        self.then: Callable[[], object] = lambda: None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.honest.handle_request(request)
        if request.url.path.endswith("/collect") and answer.status_code == 200:
            answer.read()
            then, self.then = self.then, lambda: None
            then()
        return answer


@dataclass
class Both:
    """The holder's wallet, the bank's window, and what lies between them."""

    world: World
    window: Session
    way: Wire

    def show(self) -> Showing:
        alice = self.world.alice
        return Showing(alice, (open_item(alice, alice.store.item(self.world.item)),))

    def answering(self, showing: Showing, change: Callable[[wire.Show], wire.Show] = lambda show: show) -> None:
        """The wallet does what it does when somebody has collected; what it meets is kept in ``met``."""
        self.met: list[str] = []

        def wallet() -> None:
            collecting = Collecting(showing)
            try:
                collector = collecting.check(change(showing.wait(1)))
                self.met.append(collector.agency.name)
                collecting.deliver(collector)
            except OneFileError as error:
                self.met.append(error.code)
                showing.refuse()

        self.way.then = wallet

    def scan(self, code: str, session: Session | None = None) -> Scanned:
        by = session or self.window
        return scan(by, open_desk(by), ScanOrder(code, "small-loan", OFFICER, wait_s=5))

    def refused(self, code: str, session: Session | None = None) -> str:
        with pytest.raises(OneFileError) as caught:
            self.scan(code, session)
        return caught.value.code

    def state(self, showing: Showing) -> str:
        return self.world.alice.api.my_show(showing.id).state

    def logged(self, showing: Showing) -> int:
        rows = self.world.alice.api.log().rows
        return sum(row.show == b64u(showing.id) and row.receipt is not None for row in rows)


def window_of(world: World, agency: Agency, transport: httpx2.BaseTransport) -> Session:
    """A profile of an agency of the stage, opened."""
    stage = world.stage
    session = Session(
        Profile.of("agency", agency.name.replace(" ", "-"), stage.home),
        world.alice.settings,
        clock=stage.clock,
        transport=transport,
        opener=lambda *_: stage.chain.ledger(agency.account),
    )
    session.profile.make()
    record = stage.ledger.deployment.with_log(stage.vault.origin, stage.vault.log.vkey)
    deployments.pin(session.profile, record)
    session.save_party(
        Party(
            kind="agency",
            subject=agency_subject(agency.account),
            owner=agency.account,
            controller=agency.account,
            salt=ZERO32,
            index=0,
            language="",
            chain_id=record.chain_id,
            registry=record.contracts.agency_registry,
            vault_url=ORIGIN,
            opened=True,
        )
    )
    session.use_keys(agency.keys)
    return session


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    stage = Stage(tmp_path_factory.mktemp("both"))
    world = make_world(stage)
    way = Wire(stage.transport)
    made = Both(world, window_of(world, world.bank, way), way)
    yield made
    made.window.close()
    stage.close()


@pytest.fixture(autouse=True)
def _in_step(both: Both) -> None:
    """Every test begins where chain and vault have heard of each other."""
    both.way.then = lambda: None
    both.world.stage.chain.mine()
    both.world.stage.tick()


# --- the wallet shows ------------------------------------------------------------------------------------


def test_without_an_attack_it_is_shown(both: Both) -> None:
    showing = both.show()
    both.answering(showing)
    done = both.scan(showing.draw().text)
    assert (done.outcome.verdict, both.met, both.state(showing)) == ("accept", ["City Bank"], "delivered")
    assert both.logged(showing) == 1


def test_a_screenshot_of_a_minute_ago_collects_nothing(both: Both) -> None:
    showing = both.show()
    screenshot = showing.draw().text
    both.world.stage.clock.time += 60
    assert both.refused(screenshot) == "show_code_expired"
    assert (both.state(showing), both.logged(showing)) == ("open", 0)


def test_who_is_faster_with_a_screenshot_is_named_to_the_holder(both: Both) -> None:
    thief = both.world.stage.bank("Fast Bank")
    elsewhere = Wire(both.world.stage.transport)
    session = window_of(both.world, thief, elsewhere)
    showing = both.show()
    code = showing.draw().text
    told: list[str] = []

    def holder() -> None:
        told.append(Collecting(showing).check(showing.wait(1)).agency.name)
        showing.refuse()  # that is not the name on the door

    elsewhere.then = holder
    assert both.refused(code, session) == "show_refused"
    assert told == ["Fast Bank"]
    assert both.refused(code) == "show_used"
    assert (both.state(showing), both.logged(showing)) == ("refused", 1)
    session.close()


def test_a_second_scan_gets_nothing_and_the_holder_has_shown_once(both: Both) -> None:
    showing = both.show()
    first, second = showing.draw().text, showing.draw().text
    both.answering(showing)
    both.scan(first)
    assert {both.refused(first), both.refused(second)} == {"show_used"}
    assert (both.state(showing), both.logged(showing)) == ("delivered", 1)


def test_a_scan_after_the_session_is_refused_and_the_wallet_says_so(both: Both) -> None:
    showing = both.show()
    both.world.stage.clock.time += 300
    assert both.refused(showing.draw().text) == "show_expired"
    with pytest.raises(OneFileError) as caught:
        Collecting(showing).check(showing.wait(1))
    assert caught.value.code == "show_expired"


def test_an_unregistered_scanner_collects_nothing(both: Both) -> None:
    showing = both.show()
    session = window_of(both.world, both.world.hr, both.world.stage.transport)
    assert both.refused(showing.draw().text, session) in {"not_a_reader", "scenario_grantee"}
    raw = receipt(both.world, both.world.hr, show=showing.id, nonce=secrets.token_bytes(16))
    with pytest.raises(OneFileError) as caught:
        both.world.hr.api.collect(showing.draw().text, raw)
    assert caught.value.code == "not_a_reader"
    assert (both.state(showing), both.logged(showing)) == ("open", 0)
    session.close()


def test_a_receipt_that_the_vault_replaced_stops_the_wallet_and_the_window_hears_of_it(both: Both) -> None:
    showing = both.show()
    other = receipt(both.world, show=showing.id, nonce=secrets.token_bytes(16))
    both.answering(showing, lambda seen: seen.model_copy(update={"receipt": other}))
    assert both.refused(showing.draw().text) == "show_refused"
    assert both.met == ["show_not_logged"]
    assert both.world.bank.api.show(showing.id).presentation is None


def test_what_the_holder_refuses_the_window_is_told(both: Both) -> None:
    showing = both.show()
    both.way.then = showing.refuse
    assert both.refused(showing.draw().text) == "show_refused"
    kinds = [row.logged.opening.t for row in both.world.alice.api.log().rows if row.logged.opening is not None]
    assert kinds[-2:] == ["access", "note"]


def test_a_silent_wallet_is_told_to_the_window_and_noted(both: Both) -> None:
    showing = both.show()

    def silent() -> None:
        both.world.stage.clock.time += 30
        both.world.stage.tick()

    both.way.then = silent
    assert both.refused(showing.draw().text) == "show_undelivered"
    assert both.state(showing) == "undelivered"


# --- the window asks -------------------------------------------------------------------------------------


def desk(both: Both, number: int = 3) -> Counter:
    return Counter(both.window, number, "small-loan", OFFICER)


def answered(both: Both, text: str) -> answering.Answered:
    alice = both.world.alice
    facts = open_desk(alice)
    return answering.answer(alice, facts, answering.read(alice, facts, text))


def unread(both: Both, text: str) -> str:
    alice = both.world.alice
    with pytest.raises(OneFileError) as caught:
        answering.read(alice, open_desk(alice), text)
    return caught.value.code


def test_without_an_attack_the_digits_open_the_answer(both: Both) -> None:
    counter = desk(both)
    match = answered(both, counter.ask().text).match
    found = counter.answered()
    assert found is not None
    assert found.match == match
    assert counter.open_answer(match)["verdict"] == "accept"


def test_another_desks_request_answers_that_desk_and_no_other(both: Both) -> None:
    mine, other = desk(both), desk(both, 9)
    mine.ask()
    alice = both.world.alice
    asked = answering.read(alice, open_desk(alice), other.ask().text)
    assert (asked.request.desk, asked.plan.agency_name) == (9, "City Bank")  # which the person reads, and stands at 3
    answering.answer(alice, open_desk(alice), asked)
    assert mine.answered() is None
    assert other.answered() is not None


def redrawn(both: Both, **changes: Any) -> str:
    """The window's request with something else in it, signed by who drew it again."""
    code = parse_request(desk(both).ask().text).code
    return sign_request(replace(code, **changes), both.world.hr.present, origin=both.world.stage.vault.origin)


REQUESTS: dict[str, tuple[Callable[[Both], str], str]] = {
    "drawn again as it stands": (redrawn, "request_signature"),
    "drawn again for another desk": (lambda b: redrawn(b, desk=9), "request_signature"),
    "drawn again with a key of one's own": (lambda b: redrawn(b, sealing=bytes(32)), "request_signature"),
    "of an agency that may not read": (lambda b: redrawn(b, agency=b.world.hr.account), "not_a_reader"),
    "for another scenario, by the bank's name": (lambda b: redrawn(b, scenario=bytes(32)), "request_signature"),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_that_somebody_else_has_drawn_is_not_answered(both: Both, case: str) -> None:
    make, code = REQUESTS[case]
    assert unread(both, make(both)) == code


def test_an_old_request_is_not_answered(both: Both) -> None:
    text = desk(both).ask().text
    both.world.stage.clock.time += 60
    assert unread(both, text) == "request_expired"


def test_a_request_of_another_log_is_not_answered(both: Both) -> None:
    code: RequestCode = parse_request(desk(both).ask().text).code
    assert (
        unread(both, sign_request(code, both.world.bank.present, origin="onefile/1/other/main")) == "request_signature"
    )


def test_guessing_the_digits_opens_nothing_and_is_tried_once(both: Both) -> None:
    counter = desk(both)
    match = answered(both, counter.ask().text).match
    wrong = f"{(int(match) + 1) % 10_000:04d}"
    before = [row.uses for row in both.world.bank.api.grants()]
    assert counter.open_answer(wrong)["code"] == "match_number"
    assert counter.open_answer(match)["code"] == "match_number"  # the request is gone: ask again
    assert [row.uses for row in both.world.bank.api.grants()] == before


def test_who_makes_another_persons_wallet_answer_has_not_that_persons_digits(both: Both) -> None:
    """Session fixation: the thief at the desk sends a photo of the screen to somebody who answers it."""
    counter = desk(both)
    text = counter.ask().text
    answered(both, text)
    found = counter.answered()
    assert found is not None
    seen_by_the_thief = f"{(int(found.match) + 4321) % 10_000:04d}"  # the screen shows no digits before they are said
    refused = counter.open_answer(seen_by_the_thief)
    assert (refused["verdict"], refused["code"]) == ("refused", "match_number")


def test_a_request_is_answered_once(both: Both) -> None:
    text = desk(both).ask().text
    answered(both, text)
    with pytest.raises(Conflict):
        answered(both, text)


def test_an_answer_to_another_request_does_not_open_here(both: Both) -> None:
    mine, other = desk(both), desk(both, 9)
    mine.ask()
    match = answered(both, other.ask().text).match
    assert mine.open_answer(match)["code"] == "match_number"


def test_the_wallet_still_syncs_after_all_of_it(both: Both) -> None:
    both.world.stage.tick()
    syncing.sync(both.world.alice)
    assert both.world.alice.store.log_head().head.n == len(both.world.alice.api.log().rows)
