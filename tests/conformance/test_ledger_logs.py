"""Logs on every `Ledger`: heads that only extend, and who may move them."""

from __future__ import annotations

import pytest

from chain.anchored import anchored_heads
from chain.ledger import (
    MAX_GROWTH,
)
from protocol.encoding import b64u
from protocol.entries import commitment, head_statement
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.hashing import ZERO32, sha256
from protocol.merkle import consistency_proof, inclusion_proof
from tests.chain_acts import an_open_log, anchor, refused
from tests.chain_stage import Actor, Log, Stage


class TestLogs:
    def test_a_log_opens_with_its_first_entry(self, stage: Stage) -> None:
        log = Log(stage)
        assert stage.ledger("anybody").log_state(log.hash) is None
        log.open()
        state = stage.ledger("anybody").log_state(log.hash)
        assert state is not None
        assert (state.name, state.vkey) == ("main", log.vkey)
        assert (state.owner, state.publisher) == (Actor("log owner").account, Actor("publisher").account)
        assert (state.size, state.root) == (1, log.root(1))
        assert (state.frozen, state.successor, state.pending_owner) == (False, None, None)

    def test_a_log_opens_once(self, stage: Stage) -> None:
        log = Log(stage)
        log.open()
        with refused(Conflict, "log_exists"):
            log.open("thief", "thief")

    @pytest.mark.parametrize("name", ["", "Main", "a/b", "x" * 32, "日志"])
    def test_a_logs_name_needs_no_escaping(self, stage: Stage, name: str) -> None:
        log = Log(stage)
        with refused(Malformed, "log_name"):
            stage.ledger("log owner").open_log(name, b"entry", log.vkey, Actor("publisher").account)

    def test_what_a_log_opens_with_is_checked(self, stage: Stage) -> None:
        log, owner, publisher = Log(stage), stage.ledger("log owner"), Actor("publisher").account
        with refused(Malformed, "entry_length"):
            owner.open_log("main", b"", log.vkey, publisher)
        with refused(Malformed, "entry_length"):
            owner.open_log("main", bytes(65_536), log.vkey, publisher)
        for vkey in ("", log.origin, log.origin + "+", "other" + log.vkey, log.vkey + "x" * 256):
            with refused(Malformed, "log_vkey"):
                owner.open_log("main", b"entry", vkey, publisher)
        with refused(Malformed, "account_zero"):
            owner.open_log("main", b"entry", log.vkey, bytes(20))
        assert owner.log_state(log.hash) is None

    @pytest.mark.parametrize(("first", "second"), [(1, 2), (1, 9), (4, 7), (6, 8), (7, 20)])
    def test_a_head_that_extends_the_last_is_anchored(self, stage: Stage, first: int, second: int) -> None:
        log = an_open_log(stage, first)
        log.grow(second)
        anchor(log, first, second)
        state = stage.ledger("anybody").log_state(log.hash)
        assert state is not None
        assert (state.size, state.root) == (second, log.root(second))
        assert state.head.size == second

    def test_anchors_tell_the_heads_with_their_times(self, stage: Stage) -> None:
        log = an_open_log(stage, 5)
        ledger = stage.ledger("anybody")
        found = list(anchored_heads(ledger, log.hash, 0, ledger.head().number))
        assert [(a.size, a.root) for a in found] == [(1, log.root(1)), (5, log.root(5))]
        assert [a.checkpoint_hash for a in found] == [ZERO32, sha256(b"checkpoint 5")]
        assert found[1].at.block == ledger.head()
        assert ledger.log_events(log.hash, ledger.head().number, ledger.head().number) == found[1:]
        assert ledger.log_events(sha256(b"another log"), 0, ledger.head().number) == []

    def test_a_forged_head_is_refused_and_nothing_moves(self, stage: Stage) -> None:
        log = an_open_log(stage, 5)
        log.grow(11)
        proof = consistency_proof(5, 11, log.node)
        publisher = stage.ledger("publisher")
        forged = sha256(b"a root of another history")
        cases = [
            (log.hash, 11, forged, proof),
            (log.hash, 11, log.root(11), proof[:-1]),
            (log.hash, 11, log.root(11), [*proof, ZERO32]),
            (log.hash, 11, log.root(11), [forged, *proof[1:]]),
            (log.hash, 11, log.root(11), []),
        ]
        for origin, size, root, bad in cases:
            with refused(Untrusted, "log_proof"):
                publisher.anchor(origin, size, root, sha256(b"checkpoint"), bad)
        state = publisher.log_state(log.hash)
        assert state is not None
        assert (state.size, state.root) == (5, log.root(5))

    def test_anchors_are_refused_by_name(self, stage: Stage) -> None:
        log = an_open_log(stage, 5)
        log.grow(6)
        proof = consistency_proof(5, 6, log.node)
        publisher, some = stage.ledger("publisher"), sha256(b"checkpoint")
        with refused(Denied, "not_publisher"):
            stage.ledger("thief").anchor(log.hash, 6, log.root(6), some, proof)
        with refused(Denied, "log_unknown"):
            publisher.anchor(sha256(b"no log"), 6, log.root(6), some, proof)
        for size in (4, 5):
            with refused(Conflict, "log_size"):
                publisher.anchor(log.hash, size, log.root(5), some, [])
        with refused(Denied, "log_growth"):
            publisher.anchor(log.hash, 6 + MAX_GROWTH, log.root(6), some, proof)
        with refused(Malformed, "checkpoint_hash_zero"):
            publisher.anchor(log.hash, 6, log.root(6), ZERO32, proof)
        anchor(log, 5, 6)

    def test_an_entry_is_shown_to_be_in_the_anchored_head(self, stage: Stage) -> None:
        log = an_open_log(stage, 7)
        ledger = stage.ledger("anybody")
        proof = inclusion_proof(3, 7, log.node)
        head = ledger.verify_inclusion(log.hash, 3, log.entries[3], proof)
        assert (head.size, head.root) == (7, log.root(7))
        with refused(Untrusted, "log_proof"):
            ledger.verify_inclusion(log.hash, 3, b"another entry", proof)
        with refused(Untrusted, "log_proof"):
            ledger.verify_inclusion(log.hash, 3, log.entries[3], proof[:-1])
        with refused(Malformed, "leaf_index"):
            ledger.verify_inclusion(log.hash, 7, log.entries[3], proof)
        with refused(Denied, "log_unknown"):
            ledger.verify_inclusion(sha256(b"no log"), 3, log.entries[3], proof)

    def test_an_older_head_is_shown_to_lead_to_the_anchored_one(self, stage: Stage) -> None:
        log = an_open_log(stage, 7)
        ledger = stage.ledger("anybody")
        head = ledger.verify_older(log.hash, 4, log.root(4), consistency_proof(4, 7, log.node))
        assert (head.size, head.root) == (7, log.root(7))
        assert ledger.verify_older(log.hash, 7, log.root(7), []) == head
        with refused(Untrusted, "log_proof"):
            ledger.verify_older(log.hash, 4, sha256(b"another root"), consistency_proof(4, 7, log.node))
        for size in (0, 8):
            with refused(Malformed, "log_sizes"):
                ledger.verify_older(log.hash, size, log.root(7), [])
        with refused(Denied, "log_unknown"):
            ledger.verify_older(sha256(b"no log"), 4, log.root(4), [])

    def test_a_frozen_log_takes_no_head(self, stage: Stage) -> None:
        log = an_open_log(stage, 3)
        owner = stage.ledger("log owner")
        with refused(Denied, "not_log_owner"):
            stage.ledger("publisher").freeze_log(log.hash)
        owner.freeze_log(log.hash)
        with refused(Denied, "log_frozen"):
            owner.freeze_log(log.hash)
        log.grow(4)
        with refused(Denied, "log_frozen"):
            anchor(log, 3, 4)
        state = owner.log_state(log.hash)
        assert state is not None
        assert (state.size, state.frozen) == (3, True)

    def test_publisher_and_key_rotate_by_the_owner_only(self, stage: Stage) -> None:
        log = an_open_log(stage, 3)
        owner, thief = stage.ledger("log owner"), stage.ledger("thief")
        other_key = log.vkey[:-4] + "AAA="
        with refused(Denied, "not_log_owner"):
            thief.rotate_log_publisher(log.hash, Actor("thief").account)
        with refused(Denied, "not_log_owner"):
            thief.rotate_log_vkey(log.hash, other_key)
        with refused(Malformed, "account_zero"):
            owner.rotate_log_publisher(log.hash, bytes(20))
        with refused(Malformed, "log_vkey"):
            owner.rotate_log_vkey(log.hash, "other")
        owner.rotate_log_publisher(log.hash, Actor("publisher 2").account)
        owner.rotate_log_vkey(log.hash, other_key)
        state = owner.log_state(log.hash)
        assert state is not None
        assert (state.publisher, state.vkey) == (Actor("publisher 2").account, other_key)
        log.grow(4)
        with refused(Denied, "not_publisher"):
            anchor(log, 3, 4)
        anchor(log, 3, 4, "publisher 2")

    def test_a_log_changes_hands_in_two_steps(self, stage: Stage) -> None:
        log = an_open_log(stage, 3)
        owner, heir = stage.ledger("log owner"), stage.ledger("heir")
        with refused(Denied, "not_pending_owner"):
            heir.accept_log_owner(log.hash)
        owner.propose_log_owner(log.hash, Actor("heir").account)
        offered = owner.log_state(log.hash)
        owner.propose_log_owner(log.hash, None)
        with refused(Denied, "not_pending_owner"):
            heir.accept_log_owner(log.hash)
        withdrawn = owner.log_state(log.hash)
        owner.propose_log_owner(log.hash, Actor("heir").account)
        heir.accept_log_owner(log.hash)
        taken = owner.log_state(log.hash)
        with refused(Denied, "not_log_owner"):
            owner.propose_log_owner(log.hash, None)
        assert offered is not None
        assert withdrawn is not None
        assert taken is not None
        assert offered.pending_owner == Actor("heir").account
        assert (withdrawn.pending_owner, withdrawn.owner) == (None, Actor("log owner").account)
        assert (taken.pending_owner, taken.owner) == (None, Actor("heir").account)

    def test_a_log_goes_on_in_one_that_commits_its_last_head(self, stage: Stage) -> None:
        log = an_open_log(stage, 3)
        owner = stage.ledger("log owner")
        statement = head_statement(log.origin, 3, log.root(3))
        entry0 = b'{"c":"' + b64u(commitment(ZERO32, statement)).encode() + b'","t":"log"}'
        heir, stranger = Log(stage, "next", entry0), Log(stage, "stranger")
        heir.open()
        stranger.open()
        with refused(Conflict, "log_not_frozen"):
            owner.succeed_log(log.hash, heir.hash, entry0, [])
        owner.freeze_log(log.hash)
        with refused(Untrusted, "log_successor"):
            owner.succeed_log(log.hash, stranger.hash, stranger.entries[0], [])
        with refused(Untrusted, "log_proof"):
            owner.succeed_log(log.hash, stranger.hash, entry0, [])
        with refused(Denied, "not_log_owner"):
            stage.ledger("thief").succeed_log(log.hash, heir.hash, entry0, [])
        owner.succeed_log(log.hash, heir.hash, entry0, [])
        with refused(Conflict, "log_succeeded"):
            owner.succeed_log(log.hash, heir.hash, entry0, [])
        state = owner.log_state(log.hash)
        assert state is not None
        assert state.successor == heir.hash
