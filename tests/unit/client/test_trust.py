"""Facts, key cards and trust files: what a verifier believes, from whom, and for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chain.deployment import Deployment
from chain.ledger import ROLE_READER
from client import checks, deployment
from client.cards import Cards
from client.clock import SystemClock
from client.evidence import dossier_facts
from client.facts import AnchorHistory, LedgerFacts
from client.ledger import open_ledger, reachable
from client.profile import Profile
from client.session import Session, output_path
from client.settings import read_settings
from client.toolkey import tool_key
from client.trust import NoFacts, Trust, TrustFacts, open_trust, read_trust, sign_trust, write_trust
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.errors import Denied, Malformed, Unavailable, Untrusted
from protocol.jose import P256Signer
from tests.wallet_stage import Stage

SIGNER = P256Signer.from_secret(b"\x07" * 32)
GONE = Unavailable("chain_unreachable", "gone")


@contextmanager
def furnished(folder: Path) -> Iterator[Stage]:
    made = Stage(folder)
    made.holder("alice")
    made.issuer()
    made.bank()
    made.tick()
    yield made
    made.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with furnished(tmp_path_factory.mktemp("trust")) as made:
        yield made


@pytest.fixture
def alice(stage: Stage) -> Session:
    return stage.session("alice")


def assembled(session: Session) -> Trust:
    return checks.assemble(session, checks.open_desk(session))


def test_a_trust_file_comes_back_as_it_was_signed(tmp_path: Path) -> None:
    with furnished(tmp_path) as stage:
        alice = stage.session("alice")
        trust = assembled(alice)
    assert [agency.facts.name for agency in trust.agencies] == ["Human Resources", "City Bank"]
    assert [len(agency.cards) for agency in trust.agencies] == [1, 1]
    assert [facts.dossier for facts in trust.dossiers] == [alice.party.subject]
    path = tmp_path / "t"
    write_trust(path, trust, SIGNER)
    assert read_trust(path, [SIGNER.public_jwk().thumbprint()]) == trust
    assert trust.trusted(b"x" * 20) is None


def test_a_trust_file_by_an_unknown_key_or_changed_is_refused(alice: Session) -> None:
    raw = sign_trust(assembled(alice), SIGNER)
    with pytest.raises(Untrusted) as caught:
        open_trust(raw, [b"k" * 32])
    assert caught.value.code == "trust_signer"
    head, body, signature = raw.strip().split(b".")
    changed = b".".join([head, body[:-8] + b"AAAAAAAA", signature])
    with pytest.raises((Untrusted, Malformed)):
        open_trust(changed, [SIGNER.public_jwk().thumbprint()])
    with pytest.raises(Malformed):
        open_trust(b"nothing", [])


def test_nothing_of_a_trust_file_is_read_before_its_signature(alice: Session) -> None:
    head, body, signature = sign_trust(assembled(alice), SIGNER).strip().split(b".")
    mine = [SIGNER.public_jwk().thumbprint()]
    strange = b64u(unb64u(body.decode())[:-500].ljust(1 << 20, b"[") + unb64u(body.decode())[-500:]).encode()
    with pytest.raises(Untrusted) as caught:
        open_trust(b".".join([head, strange, signature]), mine)
    assert caught.value.code == "jws_signature"
    with pytest.raises(Malformed) as malformed:
        open_trust(b".".join([head, b64u(b"{}").encode(), signature]), mine)
    assert malformed.value.code == "trust_signer_missing"


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: {**v, "v": 2},
        lambda v: {**v, "more": 1},
        lambda v: {**v, "anchors": [[1, 2, 3]]},
        lambda v: {**v, "anchors": [["1", "A" * 43, 3, 4]]},
        lambda v: {**v, "anchors": [[1, "A" * 42, 3, 4]]},
        lambda v: {**v, "agencies": [{**v["agencies"][0], "roles": [[1, 2]]}]},
        lambda v: {**v, "agencies": [{**v["agencies"][0], "roles": [[1, None, 2]]}]},
        lambda v: {**v, "agencies": [{**v["agencies"][0], "issues": ["x"]}]},
        lambda v: {**v, "agencies": [{**v["agencies"][0], "cards": [[]]}]},
        lambda v: {**v, "dossiers": [{**v["dossiers"][0], "controllers": [["0x00", 1, None]]}]},
    ],
)
def test_a_garbled_trust_file_is_malformed(alice: Session, edit: Any) -> None:
    with pytest.raises(Malformed):
        Trust.from_json(edit(assembled(alice).to_json()))


def test_what_a_trust_file_does_not_cover_is_unknown(alice: Session) -> None:
    trust = assembled(alice)
    facts = TrustFacts(trust)
    assert facts.agency(trust.agencies[0].facts.account).name == "Human Resources"
    assert facts.dossier(alice.party.subject).dossier == alice.party.subject
    assert facts.anchors().origin == alice.log.origin
    for ask in (
        lambda: facts.agency(b"x" * 20),
        lambda: facts.dossier(b"x" * 32),
        lambda: facts.nullifier(b"x" * 32),
        lambda: NoFacts().agency(b"x" * 20),
        lambda: NoFacts().dossier(b"x" * 32),
        lambda: NoFacts().nullifier(b"x" * 32),
        lambda: NoFacts().anchors(),
    ):
        with pytest.raises(Unavailable, match="says nothing"):
            ask()
    bare = dataclasses.replace(trust, deployment=dataclasses.replace(trust.deployment, log=None))
    with pytest.raises(Unavailable):
        TrustFacts(bare).anchors()


# --- cards ----------------------------------------------------------------------------------------


def test_a_card_counts_only_if_the_chain_keeps_its_hash(alice: Session) -> None:
    trust = assembled(alice)
    hr, bank, *_ = trust.agencies
    cards = Cards(deployment.agency_domain(alice.deployment), [*hr.cards, *bank.cards])
    card = cards.newest(hr.facts)
    assert cards.by_key(hr.facts, card.thumbprint) == card
    with pytest.raises(Unavailable, match="at hand"):
        cards.by_key(hr.facts, b"k" * 32)
    empty = Cards(deployment.agency_domain(alice.deployment))
    with pytest.raises(Unavailable, match="at hand"):
        empty.newest(hr.facts)
    with pytest.raises(Denied, match="published no key card"):
        cards.newest(dataclasses.replace(hr.facts, cards=()))
    with pytest.raises(Untrusted):
        cards.verified(hr.facts, bank.cards[0])


# --- facts of the chain ---------------------------------------------------------------------------


def test_anchors_are_read_on_and_read_anew_after_a_reorganisation(stage: Stage, alice: Session) -> None:
    history = AnchorHistory()
    origin = alice.log.origin
    history.read_on(stage.ledger, origin)
    first = len(history.heads)
    assert first >= 2
    stage.issuer("Another")
    history.read_on(stage.ledger, origin)
    assert len(history.heads) >= first
    kept = list(history.heads)
    assert history.upto is not None
    history.upto = dataclasses.replace(history.upto, hash=b"h" * 32)
    history.read_on(stage.ledger, origin)
    assert history.heads == kept
    facts = history.facts(origin, stage.ledger.head().number, 5)
    assert facts.head is not None
    assert facts.head.size == kept[-1].size


def test_the_chain_does_not_know_everybody(stage: Stage) -> None:
    facts = LedgerFacts(stage.ledger, stage.clock, stage.vault.origin)
    with pytest.raises(Denied, match="no such agency"):
        facts.agency(b"x" * 20)
    with pytest.raises(Denied, match="no such dossier"):
        facts.dossier(b"x" * 32)
    assert facts.nullifier(b"n" * 32).spent_at is None
    with pytest.raises(Denied, match="no such log"):
        LedgerFacts(stage.ledger, stage.clock, "onefile/1/0x" + "1" * 40 + "/none").anchors()


def test_a_right_counts_when_its_block_is_settled(stage: Stage) -> None:
    account = stage.bank("New Bank").account
    unsettled = LedgerFacts(stage.ledger, stage.clock, stage.vault.origin, confirmations=1000)
    found = unsettled.agency(account)
    assert (found.roles, found.cards) == ((), ())
    stage.chain.mine(3)
    settled = LedgerFacts(stage.ledger, stage.clock, stage.vault.origin, confirmations=2).agency(account)
    assert settled.has_role(ROLE_READER, stage.clock.now())


def test_the_facts_of_a_dossier_settle_too(stage: Stage, alice: Session) -> None:
    found = dossier_facts(stage.ledger, alice.party.subject, known_at=5, confirmations=2)
    assert found is not None
    assert found.controlled_by(alice.party.controller, stage.clock.now())
    assert dossier_facts(stage.ledger, b"x" * 32, known_at=5) is None
    fresh = dossier_facts(stage.ledger, alice.party.subject, known_at=5, confirmations=10_000)
    assert fresh is not None
    assert (fresh.controllers, fresh.cards) == ((), ())


def test_without_the_chain_a_desk_uses_the_kept_trust_file(stage: Stage) -> None:
    session = stage.session("alice")
    checks.refresh_trust(session, checks.open_desk(session))
    stage.chain.faults.fail("head", times=1, error=GONE)
    desk = checks.open_desk(stage.session("alice"))
    assert not desk.live
    hr = desk.kept.agencies[0].facts.account  # type: ignore[union-attr]  # it was just kept
    assert desk.name_of(hr) == "Human Resources"
    assert desk.name_of(b"\x11" * 20).startswith("0x1111")
    assert checks.refresh_trust(session, desk) is None
    session.profile.trust_file.unlink()
    stage.chain.faults.fail("head", times=1, error=GONE)
    with pytest.raises(Unavailable) as caught:
        checks.open_desk(stage.session("alice"))
    assert caught.value.code == "no_facts"


def test_a_trust_file_of_another_deployment_is_not_used(stage: Stage) -> None:
    session = stage.session("alice")
    trust = assembled(session)
    other = dataclasses.replace(trust.deployment, deploy_block_hash=b"o" * 32)
    write_trust(session.profile.trust_file, dataclasses.replace(trust, deployment=other), tool_key(stage.home))
    assert checks.kept_trust(session) is None
    session.profile.trust_file.unlink()


def test_a_card_that_is_not_at_hand_is_asked_of_the_vault(stage: Stage) -> None:
    session = stage.session("alice")
    desk = checks.open_desk(session)
    account = next(a.account for a in stage.ledger.agencies() if a.name == "City Bank")
    card = desk.newest_card(account)
    assert desk.issuer_card(account, card.thumbprint) == card
    assert checks.open_desk(session).issuer_card(account, card.thumbprint) == card
    with pytest.raises(Unavailable):
        desk.issuer_card(account, b"k" * 32)


def test_a_vault_without_the_card_leaves_it_unknown(stage: Stage) -> None:
    session = stage.session("alice")
    desk = checks.open_desk(session)
    account = next(a.account for a in stage.ledger.agencies() if a.name == "City Bank")
    row = session.public_api.agency(account)
    bare = row.model_copy(update={"card": None})
    session.public_api.agency = lambda _account: bare  # type: ignore[method-assign]  # a vault that has no card
    with pytest.raises(Unavailable):
        desk.newest_card(account)


def test_a_garbled_card_is_left_out_of_the_trust_file(stage: Stage) -> None:
    session = stage.session("alice")
    desk = checks.open_desk(session)
    trust = checks.assemble(session, desk)
    facts = trust.agencies[0].facts
    envelope = trust.agencies[0].cards[0]
    wrong = dataclasses.replace(envelope, possession=bytes(64))
    cards = Cards(deployment.agency_domain(session.deployment), [wrong])
    assert checks._proven(cards, facts) == ()


def test_an_unknown_dossier_is_not_covered(stage: Stage) -> None:
    session = stage.session("alice")
    trust = checks.assemble(session, checks.open_desk(session), [b"u" * 32])
    assert [facts.dossier for facts in trust.dossiers] == [session.party.subject]


# --- deployment, ledger, session --------------------------------------------------------------------


def info(stage: Stage, **changes: Any) -> wire.Info:
    honest = stage.session("alice").public_api.info()
    return honest.model_copy(update=changes)


def test_the_vaults_log_must_be_of_this_deployment(stage: Stage, alice: Session) -> None:
    record = dataclasses.replace(alice.deployment, log=None)
    learnt = deployment.with_log(record, info(stage), stage.ledger)
    assert learnt.log is not None
    assert learnt.log.origin == stage.vault.origin
    elsewhere = "onefile/1/0x" + "1" * 40 + "/main"
    other_key = str(learnt.log.vkey).replace("main+", "main+00", 1)
    from protocol.note import Vkey

    strange = str(Vkey(stage.vault.origin, b"\x05" * 32))
    for changes, code in (
        ({"log_origin": elsewhere}, "vault_other_chain"),
        ({"log_vkey": str(Vkey("other", b"\x05" * 32))}, "vault_other_chain"),
        ({"log_vkey": strange}, "vault_other_log"),
    ):
        with pytest.raises(Untrusted) as caught:
            deployment.with_log(record, info(stage, **changes), stage.ledger)
        assert caught.value.code == code
    with pytest.raises(Untrusted) as caught:
        deployment.with_log(learnt, info(stage, log_vkey=strange), None)
    assert caught.value.code == "vault_other_log"
    assert other_key != learnt.log.vkey


def test_the_log_is_learnt_once_and_pinned(stage: Stage) -> None:
    session = stage.session("alice")
    record = session.deployment
    deployment.pin(session.profile, dataclasses.replace(record, log=None))
    assert session.log.origin == stage.vault.origin
    assert deployment.pinned(session.profile) == record
    nobody = stage.session("nobody")
    (stage.home / "deployment.json").write_bytes(dataclasses.replace(record, log=None).serialise())
    assert nobody.log.origin == stage.vault.origin
    assert not nobody.profile.folder.exists()


def test_a_profile_without_its_record_is_not_tied_to_a_chain(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(Denied) as caught:
        deployment.pinned(Profile.of("wallet", "x", tmp_path))
    assert caught.value.code == "no_deployment"


def test_a_ledger_is_opened_on_the_endpoints_of_the_settings(stage: Stage, alice: Session) -> None:
    opened = open_ledger(read_settings({"ONEFILE_RPC_URL": "http://127.0.0.1:9"}), alice.deployment)
    assert not reachable(opened)
    assert reachable(stage.ledger)
    stage.chain.faults.fail("head", times=1, error=Denied("x", "y"))  # type: ignore[arg-type]  # a refusal is an answer
    assert reachable(stage.ledger)
    plain = Session(alice.profile, read_settings(stage.environ(ONEFILE_RPC_URL="http://127.0.0.1:9")))
    assert plain.ledger_of(alice.deployment) is not None
    assert plain.ledger_if_reachable() is None
    plain.close()


def test_a_session_of_a_program_takes_its_settings_from_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "p"
    secret.write_text("pass")
    environ = {"ONEFILE_HOME": str(tmp_path), "ONEFILE_PASSPHRASE_FILE": str(secret)}
    session = Session.of("wallet", "carol", environ=environ)
    assert session.profile.folder == tmp_path / "wallets" / "carol"
    assert session.passphrase.file == secret
    assert session.vault_url == "http://127.0.0.1:8440"
    assert not session.is_holder
    with pytest.raises(Denied):
        _ = session.party
    assert output_path("-") is None
    assert output_path("x") == Path("x")
    assert Session.of("agency", None).profile.name == "default"


def test_the_vaults_address_is_the_profiles_unless_the_environment_names_one(stage: Stage) -> None:
    plain = Session(stage.session("alice").profile, read_settings({"ONEFILE_HOME": str(stage.home)}))
    assert plain.vault_url == "http://vault.test"


def test_a_card_that_was_renewed_signs_the_next_request(stage: Stage) -> None:
    session = stage.session("alice")
    first = session.api
    assert session.api is first
    session.save_party(session.party)
    assert session.api is first
    session._party = session.party.with_changes(card_seq=2)
    session.save_party(session.party.with_changes(card_seq=1))
    assert session.api is not first
    session.close()


def test_the_machines_clock_tells_whole_seconds_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(0.01)
    assert clock.now() >= before > 1_700_000_000


def test_a_deployment_comes_back_from_its_own_bytes(alice: Session) -> None:
    assert Deployment.parse(alice.deployment.serialise()) == alice.deployment
