"""Dossiers on every `Ledger`: opened, rotated, carded, ended and attested by signatures alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain import events as e
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.hashing import ZERO32, sha256
from tests.chain_acts import a_dossier, refused
from tests.chain_stage import Actor, Dossier, Stage, next_card

DAY = 86_400


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

    def test_several_are_asked_for_together_and_told_in_their_order(self, stage: Stage) -> None:
        first, second = a_dossier(stage), Dossier(stage, Actor("alice cold"), Actor("alice"), sha256(b"another salt"))
        second.open()
        ledger = stage.ledger("relayer")
        asked = [second.id, sha256(b"nothing"), first.id, second.id]
        assert ledger.dossiers(asked) == tuple(ledger.dossier(dossier) for dossier in asked)
        assert [one is None for one in ledger.dossiers(asked)] == [False, True, False, False]
        assert ledger.dossiers([]) == ()
        before = ledger.head().number
        second.publish(Actor("alice"), revoked_below=2)
        told = ledger.dossiers([second.id], block=before)[0]
        assert told is not None
        assert told.card_seq == 1

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
