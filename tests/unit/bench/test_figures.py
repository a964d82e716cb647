"""The figures at small sizes: nothing breaks, and each of them notices a check that was made weaker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from bench.figures import replay
from bench.figures.books import LIES, Lie
from bench.figures.figure import Tally, draw_of, named
from bench.figures.flipped import Flipped
from bench.figures.forged_grants import ForgedGrants
from bench.figures.forgeries import FORGERIES
from bench.figures.forks import Forks, Log, looked
from bench.figures.replay import Replay
from bench.figures.replays import VARIANTS, Ways, ways_of
from bench.figures.revocation_race import RevocationRace, Try
from bench.figures.rooms import Room
from bench.figures.wire import Asked, Told
from client.monitoring.looking import Alarm, Look, Watch
from client.monitoring.state import MonitorState
from protocol.age_format import parse_header
from protocol.envelope import unwrap
from protocol.errors import Denied, OneFileError, Untrusted
from protocol.grant import GrantEnvelope
from protocol.grant_evidence import GrantEvidence
from protocol.recipients import HybridIdentity
from protocol.verify_grant import verify_grant
from vault_api import writes
from vault_api.services import grants, releases

SEED = "suite"


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    made = Room.open()
    yield made
    made.close()


def batch(name: str) -> Random:
    return draw_of(named(name), SEED, 0)


# --- forged grants --------------------------------------------------------------------------------


def test_no_forged_grant_is_accepted_and_true_ones_are(room: Room) -> None:
    tally = ForgedGrants(room=room).batch(batch("forged-grants"), 400)
    assert (tally.done, tally.broken, tally.failed, tally.finds) == (400, 0, 0, [])
    assert tally.controls > 5
    assert sum(count for what, count in tally.outcomes.items() if what.startswith("vault:")) > 10


def test_a_grant_that_is_forged_as_too_long_is_longer_than_its_scenario_allows(room: Room) -> None:
    """Not only longer than it was: the vault's own scenario allows more days than the grants of the figure use."""
    work, draw = ForgedGrants(room=room), Random(1)
    way = next(one for one in FORGERIES if one.name == "longer than the scenario allows")
    for _ in range(50):
        posted, truth = work._fresh()
        answer = posted.send(grant=way.make(draw, truth).to_json())
        assert (answer.status_code, answer.json()["code"]) == (403, "grant_exceeds_scenario")


@pytest.mark.parametrize("ignored", ["grant_expired", "grant_epoch", "signature", "grant_agency"])
def test_a_verifier_that_forgets_one_check_is_noticed(room: Room, ignored: str) -> None:
    def forgetful(envelope: GrantEnvelope, evidence: GrantEvidence) -> object:
        try:
            return verify_grant(envelope, evidence)
        except OneFileError as error:
            if error.code != ignored:
                raise
            return None

    tally = ForgedGrants(forgetful, room).batch(batch("forged-grants"), 300)
    assert tally.broken > 0
    assert not tally.good


def test_a_verifier_that_refuses_everything_is_noticed(room: Room) -> None:
    def stubborn(_envelope: GrantEnvelope, _evidence: GrantEvidence) -> object:
        raise Denied("no", "no")

    tally = ForgedGrants(stubborn, room).batch(batch("forged-grants"), 50)
    assert tally.broken == 0
    assert tally.failed > 0


# --- flipped ciphertexts --------------------------------------------------------------------------


def test_no_flipped_ciphertext_is_opened_and_untouched_ones_are() -> None:
    tally = Flipped().batch(batch("flipped-ciphertexts"), 1_000)
    assert (tally.done, tally.broken, tally.failed, tally.finds) == (1_000, 0, 0, [])
    assert tally.controls > 20
    assert len(tally.outcomes) > 20


def test_an_opener_that_looks_at_no_tag_is_noticed() -> None:
    def careless(header: bytes, payload: bytes, readers: list[HybridIdentity], _digest: bytes | None) -> bytes:
        parse_header(header)
        unwrap(header, readers)
        return payload

    tally = Flipped(careless).batch(batch("flipped-ciphertexts"), 300)
    assert tally.broken > 0
    assert tally.failed > 0


def test_an_opener_that_breaks_off_with_a_foreign_error_is_noticed() -> None:
    def crashing(*_given: object) -> bytes:
        raise IndexError

    tally = Flipped(crashing, crashing).batch(batch("flipped-ciphertexts"), 20)
    assert tally.broken > 10


# --- replay ---------------------------------------------------------------------------------------


def test_no_replay_has_a_second_effect_and_first_uses_count_once(room: Room) -> None:
    work = Replay(room)
    tally = work.batch(batch("replay"), 400)
    work.close()
    assert (tally.done, tally.broken, tally.failed, tally.finds) == (400, 0, 0, [])
    assert tally.controls > 5
    assert len(tally.outcomes) > 20


def test_a_vault_of_many_batches_hears_of_its_chain(room: Room) -> None:
    work, begun = Replay(room), room.stage.clock.at
    for number in range(3):
        assert work.batch(draw_of(named("replay"), SEED, number), 10).broken == 0
        room.stage.clock.at += 3_000  # as after twenty batches
    work.close()
    assert room.stage.clock.at - begun > room.stage.vault.settings.chain_max_age_s
    room.stage.follow()


def test_a_changed_replay_comes_again_and_what_is_signed_anew_has_a_nonce_of_its_own(room: Room) -> None:
    work, draw = Replay(room), batch("replay")
    sent = work._first(draw, Tally())
    ways = Ways(work._sender, sent)
    work.close()
    drawn: dict[str, list[Asked]] = {}
    for _ in range(1_500):
        way = ways.draw(draw)
        drawn.setdefault(way.name, []).append(way.asked)
    assert set(drawn) == {f"{one.kind}, {way}" for one in sent for way in ways_of(one)}
    most = VARIANTS * sum(one.kind == "use" for one in sent)
    assert 1 < len({one.body for one in drawn["use, one more"]}) <= most < len(drawn["use, one more"])
    anew = drawn["grant, signed anew, same key"]
    assert len({one.headers["Signature-Input"] for one in anew}) == len(anew) > 20


def test_what_a_busy_vault_turns_away_is_sent_once_more_and_is_no_failed_control(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def crowded(many: Sequence[Asked]) -> list[Told]:
        asked.append(len(many))
        busy = 2 if len(asked) == 1 else 0
        return [Told(503, b'{"code":"busy"}')] * busy + work._at_the_desk(many)[busy:]

    work = Replay(room)
    monkeypatch.setattr(work._wire, "together", crowded)
    monkeypatch.setattr(replay, "OVER_HTTP", 1)
    answers = work._copies(Random(1), Asked("GET", "/v1/nothing", b""))
    work.close()
    assert (asked, {told.status for told in answers}) == ([8, 2], {404})


def test_a_vault_that_forgets_how_often_a_grant_was_used_is_noticed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(envelope: GrantEnvelope, evidence: GrantEvidence) -> object:
        return verify_grant(envelope, evidence._replace(uses=0))

    monkeypatch.setattr(releases, "verify_grant", forgetful)
    work = Replay(room)
    tally = work.batch(batch("replay"), 150)
    work.close()
    assert tally.broken > 0
    assert any("more uses" in find for find in tally.finds)


def test_a_vault_that_forgets_nonces_is_noticed(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "remember_nonce", lambda _tx, _signature: None)
    work = Replay(room)
    tally = work.batch(batch("replay"), 150)
    work.close()
    assert tally.broken > 0


# --- forks ----------------------------------------------------------------------------------------


def test_every_fork_raises_an_alarm_and_no_honest_continuation_does(room: Room) -> None:
    tally = Forks(room=room).batch(batch("forks"), 8)
    assert (tally.done, tally.broken, tally.failed, tally.finds) == (8, 0, 0, [])
    assert tally.controls == 80
    assert len({what.partition(":")[0] for what in tally.outcomes}) > 3


def test_each_kind_of_lie_raises_an_alarm(room: Room) -> None:
    draw, log = Random(1), Log(room)
    log.grow(20)
    log.anchor()
    with log.watch(Lie([log.honest])) as watch:
        state = watch.look(MonitorState(), log.now).state
    log.grow(5)
    for name, lie in LIES.items():
        if name == "another root on chain":
            log.anchor()
        with log.watch(lie(draw, log.scene(state))) as watch, pytest.raises(Alarm):
            watch.look(state, log.now)


@pytest.mark.parametrize("deaf_to", ["log_forked", "equivocation", "rolled_back"])
def test_a_monitor_that_is_deaf_to_one_alarm_is_noticed(room: Room, deaf_to: str) -> None:
    def deaf(watch: Watch, before: MonitorState, now: int) -> Look:
        try:
            return looked(watch, before, now)
        except Alarm as alarm:
            if alarm.error.code != deaf_to:
                raise
            return Look(before, 0, 0, 0, 0)

    work, log, draw, tally = Forks(deaf, room), Log(room), Random(3), Tally()
    with log.watch(Lie([log.honest])) as watch:
        state = watch.look(MonitorState(), log.now).state
    for _ in range(20):
        work._lie(draw, log, state, tally)
    assert 0 < tally.broken < tally.done == 20


def test_a_monitor_that_cries_for_nothing_is_noticed(room: Room) -> None:
    def nervous(watch: Watch, before: MonitorState, now: int) -> Look:
        raise Alarm(Untrusted("log_forked", "somewhere"), "")

    work, log = Forks(nervous, room), Log(room)
    with log.watch(Lie([log.honest])) as watch:
        state = watch.look(MonitorState(), log.now).state
    found = Tally()
    work._honest(Random(2), log, state, found)
    assert (found.failed, found.good) == (1, False)


# --- racing revocation ----------------------------------------------------------------------------


def test_no_key_is_given_after_an_acknowledged_revocation(room: Room) -> None:
    work = RevocationRace(room)
    tally = work.batch(batch("revocation-race"), 60)
    work.close()
    assert tally.done >= 60
    assert (tally.broken, tally.failed, tally.finds) == (0, 0, [])
    assert tally.controls > 10
    assert any(what.startswith("after the acknowledgement") for what in tally.outcomes)


def test_a_vault_that_acknowledges_a_revocation_and_forgets_it_is_noticed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "close_grants", lambda _tx, _rows, _index: None)
    work = RevocationRace(room)
    tally = work.batch(batch("revocation-race"), 30)
    work.close()
    assert tally.broken > 0


def test_a_use_that_is_logged_after_the_revocation_is_noticed(room: Room) -> None:
    work, found = RevocationRace(room), Tally()
    revoked = Try(1.0, 4.0, Told(200, b'{"index":7}'))
    for begun, index in ((2.0, 6), (2.0, 8), (5.0, 6)):
        work._judge(Try(begun, 6.0, Told(200, b'{"logged":{"index":%d}}' % index)), revoked, found)
    work.close()
    assert (found.done, found.broken) == (3, 2)
