"""What every `Ledger` does: one suite over the one in memory and the one on a chain.

Blocks, events and writes; agencies, dossiers and logs stand in the modules beside. After a refusal the state is looked
at, not only the error.
"""

from __future__ import annotations

import pytest

from chain.ledger import (
    MAX_EVENT_RANGE,
)
from chain.world import World
from protocol.errors import Conflict, Malformed
from protocol.hashing import ZERO32, keccak256, sha256
from tests.chain_acts import EVERYTHING, everything, refused
from tests.chain_stage import Actor, Stage


class TestBlocks:
    def test_the_head_is_a_block_that_can_be_asked_for(self, stage: Stage) -> None:
        ledger = stage.ledger("alice")
        head = ledger.head()
        assert ledger.block(head.number) == head

    def test_there_is_no_block_above_the_head(self, stage: Stage) -> None:
        ledger = stage.ledger("alice")
        assert ledger.block(ledger.head().number + 1) is None

    def test_the_deployment_names_a_block_of_the_chain(self, stage: Stage) -> None:
        ledger = stage.ledger("alice")
        block = ledger.block(ledger.deployment.deploy_block)
        assert block is not None
        assert block.hash == ledger.deployment.deploy_block_hash

    def test_a_write_tells_the_block_that_holds_it(self, stage: Stage) -> None:
        governor = stage.ledger("governor")
        sent = governor.admit_agency(Actor("bank").account, "Bank", "371000")
        assert governor.block(sent.block.number) == sent.block
        assert sent.gas_used > 0

    def test_reading_at_a_block_to_come_is_malformed(self, stage: Stage) -> None:
        ledger = stage.ledger("alice")
        with refused(Malformed, "block_unknown"):
            ledger.agencies(block=ledger.head().number + 10)

    @pytest.mark.parametrize(("first", "last"), [(-1, 3), (5, 3), (0, MAX_EVENT_RANGE)])
    def test_a_range_of_blocks_is_bounded(self, stage: Stage, first: int, last: int) -> None:
        ledger = stage.ledger("alice")
        with refused(Malformed, "event_range"):
            ledger.events(first, last)
        with refused(Malformed, "event_range"):
            ledger.log_events(ZERO32, first, last)


class TestRevocation:
    def test_who_knows_the_secret_revokes(self, stage: Stage) -> None:
        secret = sha256(b"a secret")
        ledger = stage.ledger("anybody")
        assert ledger.nullified_at(keccak256(secret)) is None
        sent = ledger.revoke(secret)
        assert ledger.nullified_at(keccak256(secret)) == sent.block.time
        assert ledger.nullified_at(secret) is None

    def test_a_secret_is_spent_once(self, stage: Stage) -> None:
        secret = sha256(b"a secret")
        sent = stage.ledger("anybody").revoke(secret)
        stage.advance(10)
        with refused(Conflict, "already_revoked"):
            stage.ledger("somebody").revoke(secret)
        assert stage.ledger("anybody").nullified_at(keccak256(secret)) == sent.block.time

    def test_a_secret_has_thirty_two_bytes(self, stage: Stage) -> None:
        with refused(Malformed, "length"):
            stage.ledger("anybody").revoke(b"short")


class TestEvents:
    def test_every_event_is_told_in_order(self, stage: Stage) -> None:
        begin, ledger = stage.ledger("anybody").head().number + 1, stage.ledger("anybody")
        everything(stage)
        told = ledger.events(begin, ledger.head().number + 50)
        places = [(event.at.block.number, event.at.log_index) for event in told]
        assert [type(event) for event in told] == EVERYTHING
        assert places == sorted(places)
        for event in told:
            assert ledger.block(event.at.block.number) == event.at.block

    def test_the_events_make_the_state(self, stage: Stage) -> None:
        ledger = stage.ledger("anybody")
        dossier, log = everything(stage)
        told = ledger.events(0, ledger.head().number)
        world = World.after(told)
        assert tuple(world.agencies.values()) == ledger.agencies()
        assert world.dossiers[dossier.id] == ledger.dossier(dossier.id)
        assert world.logs[log.hash] == ledger.log_state(log.hash)
        assert world.nullified == {keccak256(sha256(b"s")): ledger.nullified_at(keccak256(sha256(b"s")))}
        digest = sha256(b"digest")
        assert world.attested == {(dossier.id, digest): ledger.attested_at(dossier.id, digest)}

    def test_two_ranges_tell_what_one_tells(self, stage: Stage) -> None:
        ledger = stage.ledger("anybody")
        everything(stage)
        head = ledger.head().number
        middle = head - 8
        assert [*ledger.events(0, middle), *ledger.events(middle + 1, head)] == list(ledger.events(0, head))

    def test_blocks_above_the_head_hold_nothing(self, stage: Stage) -> None:
        ledger = stage.ledger("anybody")
        head = ledger.head().number
        assert list(ledger.events(head + 1, head + 10)) == []


class TestWrites:
    def test_a_ledger_says_who_sends(self, stage: Stage) -> None:
        assert stage.ledger("alice").account == Actor("alice").account

    def test_short_values_are_malformed_before_anything_is_sent(self, stage: Stage) -> None:
        ledger = stage.ledger("governor")
        head = ledger.head()
        with refused(Malformed, "length"):
            ledger.agency(b"short")
        with refused(Malformed, "length"):
            ledger.dossier(b"short")
        with refused(Malformed, "length"):
            ledger.log_state(b"short")
        with refused(Malformed, "length"):
            ledger.nullified_at(b"short")
        with refused(Malformed, "length"):
            ledger.attested_at(ZERO32, b"short")
        assert ledger.head() == head
