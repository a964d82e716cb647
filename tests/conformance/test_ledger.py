"""What every `Ledger` does: one suite over the one in memory and the one on a chain.

After a refusal the state is looked at, not only the error.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain import events as e
from chain.ledger import (
    MAX_EVENT_RANGE,
    MAX_GROWTH,
    ROLE_ISSUER,
    ROLE_READER,
    ROLE_SCENARIO,
    ROLES,
    IssueSpan,
    Ledger,
    RoleSpan,
)
from chain.world import World
from protocol.encoding import b64u
from protocol.entries import commitment, head_statement
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import ZERO32, keccak256, sha256
from protocol.identifiers import agency_subject
from protocol.merkle import consistency_proof, inclusion_proof
from tests.chain_stage import Actor, Dossier, Log, Stage, admitted, agency_card, first_card, next_card, signed

DAY = 86_400


def refused(kind: type[OneFileError], code: str) -> pytest.RaisesExc[OneFileError]:
    """Expect exactly this kind of error with this code."""
    return pytest.RaisesExc(kind, check=lambda error: error.code == code)


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
            ledger.anchors(ZERO32, first, last)


class TestAgencies:
    def test_an_unknown_account_is_no_agency(self, stage: Stage) -> None:
        assert stage.ledger("alice").agency(Actor("nobody").account) is None
        assert stage.ledger("alice").agencies() == ()

    def test_an_admitted_agency_has_its_names_and_no_rights(self, stage: Stage) -> None:
        sent = stage.ledger("governor").admit_agency(Actor("bank").account, "威海银行", "371000")
        agency = stage.ledger("alice").agency(Actor("bank").account)
        assert agency is not None
        assert (agency.name, agency.division) == ("威海银行", "371000")
        assert agency.admitted_at == sent.block.time
        assert (agency.roles, agency.issues, agency.cards) == ((), (), ())
        assert agency.card is None

    def test_agencies_stand_in_the_order_of_their_admission(self, stage: Stage) -> None:
        governor = stage.ledger("governor")
        for name in ("one", "two", "three"):
            governor.admit_agency(Actor(name).account, name, "37")
        assert [agency.name for agency in governor.agencies()] == ["one", "two", "three"]

    def test_nobody_but_the_governor_admits(self, stage: Stage) -> None:
        with refused(Denied, "not_governor"):
            stage.ledger("alice").admit_agency(Actor("alice").account, "Alice", "37")
        assert stage.ledger("alice").agencies() == ()

    def test_an_agency_is_admitted_once(self, stage: Stage) -> None:
        governor = stage.ledger("governor")
        governor.admit_agency(Actor("bank").account, "Bank", "37")
        with refused(Conflict, "agency_exists"):
            governor.admit_agency(Actor("bank").account, "Other bank", "37")
        assert [agency.name for agency in governor.agencies()] == ["Bank"]

    @pytest.mark.parametrize(("name", "division"), [("", "37"), ("县" * 67, "37"), ("Bank", ""), ("Bank", "1" * 13)])
    def test_names_are_bounded_in_bytes(self, stage: Stage, name: str, division: str) -> None:
        with refused(Malformed, "text_length"):
            stage.ledger("governor").admit_agency(Actor("bank").account, name, division)

    def test_the_zero_account_is_no_agency(self, stage: Stage) -> None:
        with refused(Malformed, "account_zero"):
            stage.ledger("governor").admit_agency(bytes(20), "Nobody", "37")

    @pytest.mark.parametrize("role", sorted(ROLES))
    def test_a_role_holds_from_the_block_that_gives_it(self, stage: Stage, role: int) -> None:
        governor, bank = stage.ledger("governor"), Actor("bank").account
        governor.admit_agency(bank, "Bank", "37")
        stage.advance(100)
        since = governor.set_role(bank, role).block.time
        agency = governor.agency(bank)
        assert agency is not None
        assert agency.roles == (RoleSpan(role, since),)
        assert agency.has_role(role, since)
        assert not agency.has_role(role, since - 1)

    def test_an_ended_role_held_until_its_end(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage)
        stage.advance(100)
        until = governor.end_role(police.account, ROLE_ISSUER).block.time
        agency = governor.agency(police.account)
        assert agency is not None
        assert agency.has_role(ROLE_ISSUER, until - 1)
        assert not agency.has_role(ROLE_ISSUER, until)
        assert not agency.may_issue("driving-licence", until)
        assert agency.may_issue("driving-licence", until - 1)

    def test_a_role_can_be_given_again(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage)
        governor.end_role(police.account, ROLE_ISSUER)
        stage.advance(10)
        again = governor.set_role(police.account, ROLE_ISSUER).block.time
        agency = governor.agency(police.account)
        assert agency is not None
        assert [span.until is None for span in agency.roles] == [False, True]
        assert agency.has_role(ROLE_ISSUER, again)
        assert not agency.has_role(ROLE_ISSUER, again - 1)

    def test_roles_are_refused_by_name(self, stage: Stage) -> None:
        governor, bank = stage.ledger("governor"), Actor("bank").account
        with refused(Denied, "agency_unknown"):
            governor.set_role(bank, ROLE_READER)
        with refused(Conflict, "role_not_held"):
            governor.end_role(bank, ROLE_READER)
        governor.admit_agency(bank, "Bank", "37")
        with refused(Malformed, "role_unknown"):
            governor.set_role(bank, 8)
        governor.set_role(bank, ROLE_READER)
        with refused(Conflict, "role_held"):
            governor.set_role(bank, ROLE_READER)
        with refused(Conflict, "role_not_held"):
            governor.end_role(bank, ROLE_SCENARIO)
        with refused(Denied, "not_governor"):
            stage.ledger("alice").end_role(bank, ROLE_READER)
        with refused(Denied, "not_governor"):
            stage.ledger("alice").set_role(bank, ROLE_SCENARIO)
        agency = governor.agency(bank)
        assert agency is not None
        assert [span.role for span in agency.roles] == [ROLE_READER]

    def test_licence_types_are_given_and_ended_by_name(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage, types=("driving-licence", "id"))
        stage.advance(50)
        until = governor.end_issue(police.account, "id").block.time
        agency = governor.agency(police.account)
        assert agency is not None
        assert [(span.licence_type, span.until) for span in agency.issues] == [("driving-licence", None), ("id", until)]
        assert agency.may_issue("driving-licence", until)
        assert not agency.may_issue("id", until)
        assert not agency.may_issue("diploma", until)
        assert isinstance(agency.issues[0], IssueSpan)

    def test_licence_types_are_refused_by_name(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage)
        with refused(Conflict, "issue_allowed"):
            governor.allow_issue(police.account, "driving-licence")
        with refused(Conflict, "issue_not_allowed"):
            governor.end_issue(police.account, "diploma")
        with refused(Conflict, "issue_not_allowed"):
            governor.end_issue(Actor("bank").account, "diploma")
        with refused(Malformed, "text_length"):
            governor.allow_issue(police.account, "x" * 65)
        with refused(Denied, "agency_unknown"):
            governor.allow_issue(Actor("bank").account, "diploma")
        with refused(Denied, "not_governor"):
            stage.ledger("alice").allow_issue(police.account, "diploma")
        with refused(Denied, "not_governor"):
            stage.ledger("alice").end_issue(police.account, "driving-licence")

    def test_the_past_is_read_as_it_was(self, stage: Stage) -> None:
        governor, bank = stage.ledger("governor"), Actor("bank").account
        before = governor.head().number
        block = governor.admit_agency(bank, "Bank", "37").block.number
        governor.set_role(bank, ROLE_READER)
        assert governor.agency(bank, block=before) is None
        then = governor.agency(bank, block=block)
        assert then is not None
        assert then.roles == ()
        assert governor.agencies(block=before) == ()


class TestAgencyCards:
    def test_an_agency_publishes_cards_in_order(self, stage: Stage) -> None:
        police = admitted(stage)
        first = agency_card(stage, police)
        registry, ledger = stage.deployment.contracts.agency_registry, stage.ledger("relayer")
        second = next_card(first, registry, stage, ledger.head().time, revoked_below=2)
        ledger.publish_agency_card(second, signed(police, second, registry, stage))
        agency = ledger.agency(police.account)
        assert agency is not None
        assert [card.seq for card in agency.cards] == [1, 2]
        assert agency.card == agency.cards[1]
        assert second.previous == agency.cards[0].hash
        assert agency.cards[1].revoked_below == 2
        assert agency.cards[1].valid_from == second.valid_from
        assert agency.cards[1].published_at >= agency.cards[0].published_at

    def test_a_card_that_another_account_signed_is_refused(self, stage: Stage) -> None:
        police, registry = admitted(stage), stage.deployment.contracts.agency_registry
        card = first_card(agency_subject(police.account), stage.ledger("relayer").head().time)
        with refused(Untrusted, "message_signature"):
            stage.ledger("relayer").publish_agency_card(card, signed(Actor("thief"), card, registry, stage))
        agency = stage.ledger("relayer").agency(police.account)
        assert agency is not None
        assert agency.cards == ()

    def test_a_card_of_somebody_who_is_no_agency_is_refused(self, stage: Stage) -> None:
        alice, registry = Actor("alice"), stage.deployment.contracts.agency_registry
        card = first_card(agency_subject(alice.account), stage.ledger("relayer").head().time)
        with refused(Denied, "agency_unknown"):
            stage.ledger("relayer").publish_agency_card(card, signed(alice, card, registry, stage))

    def test_a_subject_with_more_than_an_account_is_refused(self, stage: Stage) -> None:
        police, registry = admitted(stage), stage.deployment.contracts.agency_registry
        card = first_card(b"\x01" + agency_subject(police.account)[1:], stage.ledger("relayer").head().time)
        with refused(Untrusted, "card_subject"):
            stage.ledger("relayer").publish_agency_card(card, signed(police, card, registry, stage))

    def test_a_compromise_is_dated_per_card_and_moves_only_earlier(self, stage: Stage) -> None:
        police = admitted(stage)
        agency_card(stage, police)
        own, now = stage.ledger("police"), stage.ledger("relayer").head().time
        own.set_compromised(1, now - 500)
        with refused(Conflict, "compromise_not_earlier"):
            own.set_compromised(1, now - 400)
        with refused(Denied, "compromise_time"):
            own.set_compromised(1, now + 1_000)
        with refused(Denied, "card_unknown"):
            own.set_compromised(2, now)
        agency = own.agency(police.account)
        assert agency is not None
        assert agency.cards[0].compromised_since == now - 500

    def test_the_governor_dates_a_compromise_at_most_ninety_days_back(self, stage: Stage) -> None:
        police = admitted(stage)
        agency_card(stage, police)
        governor, now = stage.ledger("governor"), stage.ledger("relayer").head().time
        with refused(Denied, "compromise_time"):
            governor.set_compromised_by_governor(police.account, 1, now - 91 * DAY)
        with refused(Denied, "not_governor"):
            stage.ledger("alice").set_compromised_by_governor(police.account, 1, now - DAY)
        with refused(Denied, "card_unknown"):
            governor.set_compromised_by_governor(Actor("bank").account, 1, now - DAY)
        governor.set_compromised_by_governor(police.account, 1, now - 89 * DAY)
        agency = governor.agency(police.account)
        assert agency is not None
        assert agency.cards[0].compromised_since == now - 89 * DAY


class TestDossiers:
    def test_a_dossier_opens_with_its_first_card(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        state = stage.ledger("relayer").dossier(dossier.id)
        assert state is not None
        assert (state.owner, state.controller) == (dossier.owner.account, dossier.controller.account)
        assert (state.nonce, state.grant_epoch, state.card_seq, state.revoked_below) == (0, 1, 1, 0)
        assert state.card_valid_from == dossier.card.valid_from
        (card,) = stage.ledger("relayer").dossier_cards(dossier.id)
        assert (card.hash, card.seq) == (state.card_hash, 1)

    def test_an_unknown_dossier_is_none(self, stage: Stage) -> None:
        ledger = stage.ledger("relayer")
        assert ledger.dossier(sha256(b"nothing")) is None
        assert ledger.dossier_cards(sha256(b"nothing")) == ()
        assert ledger.dossier_history(sha256(b"nothing")) == ()

    def test_a_dossier_opens_once(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        with refused(Conflict, "dossier_exists"):
            dossier.open()

    def test_only_its_owner_opens_it(self, stage: Stage) -> None:
        dossier = Dossier(stage, Actor("alice cold"), Actor("alice"))
        with refused(Untrusted, "message_signature"):
            stage.ledger("relayer").open_dossier(
                dossier.opening,
                dossier.sign(Actor("thief"), dossier.opening),
                dossier.card,
                dossier.sign(dossier.owner, dossier.card),
            )
        assert stage.ledger("relayer").dossier(dossier.id) is None

    def test_its_first_card_is_its_own_and_signed(self, stage: Stage) -> None:
        dossier = Dossier(stage, Actor("alice cold"), Actor("alice"))
        relayer = stage.ledger("relayer")
        opening = dossier.sign(dossier.owner, dossier.opening)
        foreign = replace(dossier.card, subject=sha256(b"another dossier"))
        with refused(Untrusted, "card_subject"):
            relayer.open_dossier(dossier.opening, opening, foreign, dossier.sign(dossier.controller, foreign))
        with refused(Untrusted, "message_signature"):
            relayer.open_dossier(dossier.opening, opening, dossier.card, dossier.sign(Actor("thief"), dossier.card))
        assert relayer.dossier(dossier.id) is None

    def test_an_opening_that_comes_late_is_refused(self, stage: Stage) -> None:
        dossier = Dossier(stage, Actor("alice cold"), Actor("alice"))
        dossier.opening = replace(dossier.opening, deadline=stage.ledger("relayer").head().time - 1)
        with refused(Denied, "message_expired"):
            dossier.open()

    def test_the_zero_account_controls_nothing(self, stage: Stage) -> None:
        dossier = Dossier(stage, Actor("alice cold"), Actor("alice"))
        dossier.opening = replace(dossier.opening, controller=bytes(20))
        with refused(Malformed, "account_zero"):
            dossier.open()

    @pytest.mark.parametrize("who", ["alice", "alice cold"])
    def test_controller_and_owner_publish_cards(self, stage: Stage, who: str) -> None:
        dossier = a_dossier(stage)
        dossier.publish(Actor(who), revoked_below=2)
        state = stage.ledger("relayer").dossier(dossier.id)
        assert state is not None
        assert (state.card_seq, state.revoked_below) == (2, 2)
        cards = stage.ledger("relayer").dossier_cards(dossier.id)
        assert [(card.seq, card.revoked_below) for card in cards] == [(1, 0), (2, 2)]

    def test_cards_follow_one_another(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        relayer, registry = stage.ledger("relayer"), dossier.registry
        now = relayer.head().time
        good = next_card(dossier.card, registry, stage, now)
        cases = [
            (Conflict, "card_sequence", replace(good, seq=3)),
            (Conflict, "card_previous", replace(good, previous=sha256(b"another card"))),
            (Malformed, "card_key_zero", replace(good, present_key_thumbprint=ZERO32)),
            (Malformed, "card_key_zero", replace(good, sealing_key_hash=ZERO32)),
            (Denied, "card_valid_from", replace(good, valid_from=now - 2 * DAY)),
            (Denied, "card_valid_from", replace(good, valid_from=now + 2 * DAY)),
        ]
        for kind, code, card in cases:
            with refused(kind, code):
                relayer.publish_dossier_card(card, dossier.sign(dossier.controller, card))
        with refused(Denied, "dossier_unknown"):
            foreign = replace(good, subject=sha256(b"another dossier"))
            relayer.publish_dossier_card(foreign, dossier.sign(dossier.controller, foreign))
        assert len(relayer.dossier_cards(dossier.id)) == 1

    def test_what_a_card_revokes_stays_revoked(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        dossier.publish(dossier.controller, revoked_below=2)
        with refused(Denied, "card_revoked_below"):
            dossier.publish(dossier.controller, revoked_below=1)
        assert len(stage.ledger("relayer").dossier_cards(dossier.id)) == 2

    def test_an_epoch_ends_all_grants(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        dossier.bump(dossier.controller, 0)
        dossier.bump(dossier.owner, 1)
        state = stage.ledger("relayer").dossier(dossier.id)
        assert state is not None
        assert (state.grant_epoch, state.nonce) == (3, 2)

    def test_a_bump_is_signed_numbered_and_dated(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        with refused(Untrusted, "message_signature"):
            dossier.bump(Actor("thief"), 0)
        with refused(Conflict, "message_nonce"):
            dossier.bump(dossier.controller, 1)
        with refused(Denied, "message_expired"):
            dossier.bump(dossier.controller, 0, stage.ledger("relayer").head().time - 1)
        state = stage.ledger("relayer").dossier(dossier.id)
        assert state is not None
        assert (state.grant_epoch, state.nonce) == (1, 0)

    def test_only_the_owner_rotates(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        with refused(Untrusted, "message_signature"):
            dossier.rotate(dossier.controller, Actor("thief"), Actor("thief"), 0)
        with refused(Conflict, "message_nonce"):
            dossier.rotate(dossier.owner, Actor("bob cold"), Actor("bob"), 7)
        dossier.rotate(dossier.owner, Actor("bob cold"), Actor("bob"), 0)
        state = stage.ledger("relayer").dossier(dossier.id)
        assert state is not None
        assert (state.owner, state.controller) == (Actor("bob cold").account, Actor("bob").account)
        assert state.nonce == 1
        with refused(Untrusted, "message_signature"):
            dossier.bump(dossier.controller, 1)

    def test_an_attestation_is_a_dated_fact_once(self, stage: Stage) -> None:
        dossier, digest = a_dossier(stage), sha256(b"a grant's digest")
        relayer = stage.ledger("relayer")
        assert relayer.attested_at(dossier.id, digest) is None
        with refused(Untrusted, "message_signature"):
            relayer.attest(dossier.id, digest, dossier.owner.sign(digest))
        sent = relayer.attest(dossier.id, digest, dossier.controller.sign(digest))
        assert relayer.attested_at(dossier.id, digest) == sent.block.time
        with refused(Conflict, "already_attested"):
            relayer.attest(dossier.id, digest, dossier.controller.sign(digest))
        with refused(Denied, "dossier_unknown"):
            relayer.attest(sha256(b"nothing"), digest, dossier.controller.sign(digest))

    @pytest.mark.parametrize("change", ["short", "v", "high s", "empty"])
    def test_a_signature_has_one_spelling(self, stage: Stage, change: str) -> None:
        dossier, digest = a_dossier(stage), sha256(b"a grant's digest")
        good = dossier.controller.sign(digest)
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        bad = {
            "short": good[:64],
            "v": good[:64] + bytes([good[64] - 27]),
            "high s": good[:32] + (order - int.from_bytes(good[32:64])).to_bytes(32) + bytes([55 - good[64]]),
            "empty": b"",
        }[change]
        with refused(Untrusted, "message_signature"):
            stage.ledger("relayer").attest(dossier.id, digest, bad)
        assert stage.ledger("relayer").attested_at(dossier.id, digest) is None

    def test_a_dossiers_history_tells_all_of_it_and_nothing_else(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        Dossier(stage, Actor("bob cold"), Actor("bob")).open()
        dossier.bump(dossier.controller, 0)
        block = stage.ledger("relayer").head().number
        dossier.publish(dossier.controller)
        kinds = [type(event) for event in stage.ledger("relayer").dossier_history(dossier.id)]
        assert kinds == [e.DossierOpened, e.CardPublished, e.EpochBumped, e.CardPublished]
        assert len(stage.ledger("relayer").dossier_history(dossier.id, block=block)) == 3

    def test_a_dossier_is_read_as_it_was(self, stage: Stage) -> None:
        dossier = a_dossier(stage)
        before = stage.ledger("relayer").head().number
        dossier.bump(dossier.controller, 0)
        then = stage.ledger("relayer").dossier(dossier.id, block=before)
        assert then is not None
        assert then.grant_epoch == 1


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
        found = ledger.anchors(log.hash, 0, ledger.head().number)
        assert [(a.size, a.root) for a in found] == [(1, log.root(1)), (5, log.root(5))]
        assert [a.checkpoint_hash for a in found] == [ZERO32, sha256(b"checkpoint 5")]
        assert found[1].at.block == ledger.head()
        assert ledger.anchors(log.hash, ledger.head().number, ledger.head().number) == found[1:]
        assert ledger.anchors(sha256(b"another log"), 0, ledger.head().number) == []

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


def a_dossier(stage: Stage) -> Dossier:
    dossier = Dossier(stage, Actor("alice cold"), Actor("alice"))
    dossier.open()
    return dossier


def an_open_log(stage: Stage, size: int) -> Log:
    log = Log(stage)
    log.open()
    log.grow(size)
    if size > 1:
        anchor(log, 1, size)
    return log


def anchor(log: Log, first: int, second: int, publisher: str = "publisher") -> None:
    ledger: Ledger = log.stage.ledger(publisher)
    proof = consistency_proof(first, second, log.node)
    ledger.anchor(log.hash, second, log.root(second), sha256(b"checkpoint %d" % second), proof)


def everything(stage: Stage) -> tuple[Dossier, Log]:
    """One of each event, in the order of `EVERYTHING`."""
    governor, police = stage.ledger("governor"), admitted(stage)
    agency_card(stage, police)
    stage.ledger("police").set_compromised(1, 1_000)
    governor.end_issue(police.account, "driving-licence")
    governor.end_role(police.account, ROLE_ISSUER)
    dossier = a_dossier(stage)
    dossier.rotate(dossier.owner, Actor("alice cold 2"), dossier.controller, 0)
    dossier.bump(dossier.controller, 1)
    digest = sha256(b"digest")
    stage.ledger("relayer").attest(dossier.id, digest, dossier.controller.sign(digest))
    stage.ledger("relayer").revoke(sha256(b"s"))
    log = an_open_log(stage, 3)
    owner = stage.ledger("log owner")
    owner.rotate_log_publisher(log.hash, Actor("publisher 2").account)
    owner.rotate_log_vkey(log.hash, log.vkey)
    owner.propose_log_owner(log.hash, Actor("log owner").account)
    owner.accept_log_owner(log.hash)
    owner.freeze_log(log.hash)
    statement = head_statement(log.origin, 3, log.root(3))
    heir = Log(stage, "next", b'{"c":"' + b64u(commitment(ZERO32, statement)).encode() + b'","t":"log"}')
    heir.open()
    owner.succeed_log(log.hash, heir.hash, heir.entries[0], [])
    return dossier, log


EVERYTHING: list[type] = [
    e.AgencyAdmitted,
    e.RoleSet,
    e.IssueAllowed,
    e.CardPublished,
    e.CardCompromised,
    e.IssueEnded,
    e.RoleEnded,
    e.DossierOpened,
    e.CardPublished,
    e.DossierRotated,
    e.EpochBumped,
    e.Attested,
    e.Nullified,
    e.LogOpened,
    e.Anchored,
    e.Anchored,
    e.LogPublisherRotated,
    e.LogVkeyRotated,
    e.LogOwnerProposed,
    e.LogOwnerRotated,
    e.LogFrozen,
    e.LogOpened,
    e.Anchored,
    e.LogSucceeded,
]
