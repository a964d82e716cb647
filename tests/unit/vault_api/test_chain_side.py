"""What the vault believes of the chain: facts with an age, events applied once, anchors, reorganisations."""

from __future__ import annotations

from typing import Any

import pytest

from chain.garbage import unreachable
from chain.memory import MemoryChain
from protocol.errors import Denied, Unavailable
from tests.vault_stage import HOUR, Holder, VaultStage, refused, vault_stage
from vault_api.chain_facts import AGENCY, DOSSIER
from vault_api.fact_codec import decode_agency, decode_dossier, encode
from vault_api.loops import Rounds, loops_of
from vault_api.outbox import DatabaseOutbox


def silent(stage: VaultStage, times: int = 1000) -> None:
    stage.chain.faults.fail(times=times, error=unreachable("down"))


def test_states_survive_the_database_as_they_were(stage: VaultStage) -> None:
    issuer, alice = stage.issuer(), stage.holder()
    governor = stage.chain.ledger(stage.governor.address)
    governor.set_compromised_by_governor(issuer.address, 1, stage.clock.now())
    governor.end_role(issuer.address, 1)
    agency, dossier = governor.agency(issuer.address), governor.dossier(alice.dossier)
    assert agency is not None
    assert dossier is not None
    assert decode_agency(encode(agency)) == agency
    assert decode_dossier(encode(dossier)) == dossier


def test_facts_stay_known_for_an_hour_of_silence_and_then_refuse(stage: VaultStage) -> None:
    alice, bank = stage.holder(), stage.bank()
    assert stage.get(bank, "/v1/grants").status_code == 200
    silent(stage)
    assert stage.get(alice, "/v1/me").status_code == 200
    stage.clock.advance(HOUR)
    assert stage.get(alice, "/v1/me").status_code == 200
    stage.clock.advance(1)
    refused(stage.get(alice, "/v1/me"), 503, "chain_stale")
    refused(stage.get(bank, "/v1/grants"), 503, "chain_stale")


def test_facts_survive_a_restart_while_the_chain_is_silent(tmp_path: Any) -> None:
    with vault_stage(tmp_path) as stage:
        alice, bank = stage.holder(), stage.bank()
        assert stage.get(alice, "/v1/me").status_code == 200
        assert stage.get(bank, "/v1/grants").status_code == 200
        stage.vault.sequencer.call(lambda tx: tx.size)
        chain, clock = stage.chain, stage.clock
    chain.faults.fail("head", times=1000)
    from vault_api.build import Outside, build_vault

    outside = Outside(chain.ledger(stage.relayer.address), stage.outside.engine, stage.outside.blobs, clock)
    vault = build_vault(stage.settings, outside)
    clock.advance(600)
    known = vault.facts.dossier(alice.dossier)
    assert (known.state.dossier, known.age_s) == (alice.dossier, 600)
    assert vault.facts.agency(bank.address).state.account == bank.address
    assert vault.facts.dossier(alice.dossier) == known
    with pytest.raises(Unavailable):
        vault.facts.dossier(bytes(32))
    with pytest.raises(Unavailable):
        vault.facts.agency(bytes(20))
    vault.engine.dispose()


def test_what_an_event_touched_is_read_anew(stage: VaultStage) -> None:
    bank = stage.bank()
    assert stage.vault.facts.agency(bank.address).state.has_role(2, stage.clock.now())
    stage.chain.ledger(stage.governor.address).end_role(bank.address, 2)
    assert stage.vault.facts.known_agency(bank.address).state.has_role(2, stage.clock.now())
    stage.follow()
    with pytest.raises(Unavailable) as moving:
        stage.vault.facts.known_agency(bank.address)
    assert moving.value.code == "chain_moving"
    assert not stage.vault.facts.agency(bank.address).state.has_role(2, stage.clock.now())


def test_what_nobody_knows_is_denied(stage: VaultStage) -> None:
    facts = stage.vault.facts
    with pytest.raises(Denied):
        facts.dossier(bytes(32))
    with pytest.raises(Denied):
        facts.agency(bytes(20))
    with pytest.raises(Unavailable):
        facts.known_dossier(bytes(32))


def test_rights_count_after_confirmations_and_their_ends_at_once(tmp_path: Any) -> None:
    with vault_stage(tmp_path, confirmations=3) as stage:
        governor = stage.chain.ledger(stage.governor.address)
        bank = stage.agency("bank", card=False)
        stage.chain.mine(3)
        stage.follow()
        governor.set_role(bank.address, 2)
        stage.follow()
        now = stage.clock.now()
        assert not stage.vault.facts.agency(bank.address).state.has_role(2, now)
        stage.chain.mine(3)
        stage.follow()
        assert stage.vault.facts.agency(bank.address).state.has_role(2, now)
        governor.end_role(bank.address, 2)
        stage.follow()
        assert not stage.vault.facts.agency(bank.address).state.has_role(2, now)


def test_a_rotation_takes_the_old_accounts_at_once_and_gives_the_new_ones_later(tmp_path: Any) -> None:
    from protocol.dossier_messages import RotateDossier
    from tests.vault_stage import FAR

    with vault_stage(tmp_path, confirmations=2) as stage:
        alice = Holder(stage, "alice")
        refused(alice.open(), 503, "chain_unconfirmed")
        stage.chain.mine(2)
        stage.follow()
        assert stage.vault.facts.dossier(alice.dossier).state.controller == alice.address
        message = RotateDossier(alice.dossier, alice.address, b"\x08" * 20, 0, FAR)
        signed = alice.account.sign_digest(message.digest(stage.vault.dossier_domain))
        stage.chain.ledger(stage.relayer.address).rotate_dossier(message, signed)
        stage.follow()
        assert stage.vault.facts.dossier(alice.dossier).state.controller == bytes(20)
        stage.chain.mine(2)
        stage.follow()
        assert stage.vault.facts.dossier(alice.dossier).state.controller == b"\x08" * 20


def test_a_reading_that_an_event_overtook_is_not_kept(stage: VaultStage) -> None:
    bank, facts = stage.bank(), stage.vault.facts
    facts.forget(AGENCY, bank.address)
    ledger = stage.vault.ledger
    original = type(ledger).agency

    def overtaken(self: Any, account: bytes, *, block: int | None = None) -> Any:
        found = original(self, account, block=block)
        facts.forget(DOSSIER, bytes(32))
        return found

    type(ledger).agency = overtaken  # type: ignore[method-assign]  # the test puts its own in the place
    try:
        assert facts.agency(bank.address).state.account == bank.address
    finally:
        type(ledger).agency = original  # type: ignore[method-assign]  # the test puts its own in the place
    with pytest.raises(Unavailable):
        facts.known_agency(bank.address)


def test_facts_that_nobody_asked_for_lately_are_let_go(
    stage: VaultStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault_api.chain_facts.MAX_KEPT", 1)
    first, second = stage.bank("one"), stage.bank("two")
    stage.vault.facts.agency(first.address)
    stage.vault.facts.agency(second.address)
    with pytest.raises(Unavailable):
        stage.vault.facts.known_agency(first.address)


def test_a_vault_that_never_heard_of_the_chain_knows_nothing(tmp_path: Any) -> None:
    from tests.vault_stage import T0
    from vault_api.build import build_vault

    with vault_stage(tmp_path) as stage:
        with stage.vault.engine.connect() as conn, conn.begin():
            conn.exec_driver_sql("DELETE FROM chain_blocks")
        fresh = build_vault(stage.settings, stage.outside)
        assert (fresh.facts.block_time, fresh.facts.block_number) == (0, 0)
        with pytest.raises(Unavailable) as refusal:
            fresh.facts.age_s()
        assert refusal.value.code == "chain_unreachable"
        assert stage.vault.facts.block_time == T0


# --- following and publishing ---------------------------------------------------------------------


def test_a_reorganisation_takes_back_facts_and_anchors(stage: VaultStage) -> None:
    stage.holder()
    stage.follow()
    stage.chain.mine()
    stage.follow()
    bank = stage.bank()
    assert stage.publish() is not None
    stage.follow()
    anchored = len(stage.snapshot()["anchors"])
    stage.chain.reorganise(4)
    stage.follow()
    assert len(stage.snapshot()["anchors"]) == anchored - 1
    state = stage.chain.ledger(stage.relayer.address).agency(bank.address)
    if state is None:
        with pytest.raises(Denied):
            stage.vault.facts.agency(bank.address)
    else:
        assert stage.vault.facts.agency(bank.address).state == state
    assert stage.publish() is not None


def test_a_reorganisation_of_everything_is_followed_from_the_beginning(stage: VaultStage) -> None:
    stage.holder()
    with stage.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("UPDATE chain_blocks SET hash = zeroblob(32)")
    stage.follow()
    assert stage.following._store.tip() == stage.chain.head


def test_events_of_other_logs_are_passed_over(stage: VaultStage) -> None:
    from protocol.entries import first_entry, opening_statement, origin
    from protocol.note_signer import Ed25519NoteSigner

    contracts = stage.vault.contracts
    other = origin(stage.vault.chain_id, contracts.archive_log, "other")
    vkey = str(Ed25519NoteSigner(other, bytes(range(32))).vkey)
    entry0 = first_entry(other, opening_statement(other, vkey)).serialise()
    before = stage.snapshot()["anchors"]
    stage.chain.ledger(stage.relayer.address).open_log("other", entry0, vkey, stage.relayer.address)
    stage.follow()
    assert stage.snapshot()["anchors"] == before


def test_the_newest_head_is_anchored_and_recorded_once(stage: VaultStage) -> None:
    outbox = DatabaseOutbox(stage.vault)
    assert outbox.last_recorded() is not None
    stage.holder()
    record = stage.publish()
    assert record is not None
    assert record.size == stage.vault.log.size
    assert outbox.last_recorded() == record
    assert stage.publish() is None
    outbox.withdrawn(1)
    last = outbox.last_recorded()
    assert last is not None
    assert last.size == 1
    assert stage.publish() is None
    assert outbox.last_recorded() == record


def test_an_outbox_without_checkpoint_or_anchor_is_empty(stage: VaultStage) -> None:
    outbox = DatabaseOutbox(stage.vault)
    assert outbox.newest_durable(at_most=0) is None
    outbox.withdrawn(0)
    assert outbox.last_recorded() is None


def test_a_lost_answer_of_the_chain_is_made_good_in_the_next_round(stage: VaultStage) -> None:
    stage.holder()
    stage.chain.faults.fail("anchor", after=True)
    with pytest.raises(Unavailable):
        stage.publish()
    assert stage.publish() is None
    last = DatabaseOutbox(stage.vault).last_recorded()
    assert last is not None
    assert last.size == stage.vault.log.size


def test_a_silent_hour_is_noted_on_disk_too(stage: VaultStage) -> None:
    stage.follow()
    stage.clock.advance(120)
    stage.follow()
    with stage.vault.engine.connect() as conn:
        seen = conn.exec_driver_sql("SELECT max(seen_at) FROM chain_blocks").scalar()
    assert seen == stage.clock.now()
    stage.clock.advance(1)
    stage.follow()
    assert stage.vault.facts.age_s() == 0


def test_a_loop_goes_on_after_any_error(stage: VaultStage) -> None:
    said: list[int] = []

    def work() -> None:
        said.append(1)
        if len(said) == 1:
            raise Unavailable("chain_unreachable", "down")
        if len(said) == 2:
            raise ZeroDivisionError
        if len(said) == 3:
            loop.stop()

    loop = Rounds("test", work, 0.01)
    loop.start()
    loop._thread.join(10)
    assert len(said) == 3
    assert [made._name for made in loops_of(stage.vault)] == ["follower", "publisher", "housekeeping"]
    never = Rounds("never", work, 1.0)
    never.stop()


def test_a_chain_without_blocks_of_ours_is_not_seen() -> None:
    chain = MemoryChain(governor=bytes(20))
    assert chain.head.number == 1
