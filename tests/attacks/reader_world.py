"""Agencies that are lied to: a bank that uses grants and scans codes, an issuer, an authority of scenarios.

Vault, chain and holder are those of ``tests/reader_stage.py``; all programs speak to the liar. After each act the
profiles, and the folders that were written, are compared with the vault's tables and the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from agency_cli.services import asking, issuing, publishing, registration, scenarios, single
from agency_cli.services.folders import document_path, read_use
from agency_cli.services.holders import addressee
from agency_cli.services.inbox import given
from agency_cli.services.orders import make_order
from agency_cli.services.release import ReleaseOrder, release
from agency_cli.services.review import review
from agency_cli.services.scan import ScanOrder, scan
from agency_cli.services.standing import own_account, standing
from agency_cli.services.status_lists import Lists
from agency_cli.services.uses import Uses
from client import deployment as deployments
from client.checks import open_desk
from client.pack import read_pack, update_pack
from client.session import Session
from client.toolkey import tool_key
from client.trust import read_trust
from protocol.credential import present_credential
from protocol.licence_types import licence_type
from protocol.receipts import Officer
from protocol.scenario import parse_scenario
from protocol.status_list import INVALID
from tests.attacks.reader_offices import Offices
from tests.credential_samples import HOLDER_CLAIMS, INSURANCE
from tests.reader_stage import CLAIMS, PDF
from vault_api.db import tables as t

Found = Any
OFFICER = Officer("credit-officer", "desk 4")
NONCE = "a nonce"


@dataclass(frozen=True)
class Act:
    """As in ``wallet_acts``; ``who`` names the session."""

    calls: tuple[str, ...]
    act: Callable[[Offices, Session], Found]
    check: Callable[[Offices, Session, Found], None]
    prepare: Callable[[Offices], Session]


def bank(offices: Offices) -> Session:
    return offices.bank


def granted(offices: Offices) -> Session:
    offices.given = offices.stage.give(offices.stage.item)
    return offices.bank


def used(offices: Offices) -> Session:
    """A use whose folder is there."""
    session = granted(offices)
    use(offices, session)
    session.profile.trust_file.unlink(missing_ok=True)
    return session


# --- the bank ---------------------------------------------------------------------------------------


def use(offices: Offices, session: Session) -> Found:
    assert offices.given is not None
    return release(session, open_desk(session), ReleaseOrder(offices.given.id, offices.out, OFFICER))


def check_use(offices: Offices, session: Session, found: Found) -> None:
    check_folder(offices)
    with offices.stage.vault.vault.engine.connect() as conn:
        receipts = {row.receipt for row in conn.execute(t.releases.select())}
    assert found.use.receipt.raw in receipts, "the bank believes in a use that is not in the log"
    assert found.outcome.verdict in {"accept", "indeterminate"}


def check_folder(offices: Offices) -> None:
    """What was handed over is what the holder gave, to the last byte."""
    files = read_use(offices.out)
    assert offices.given is not None
    assert files.envelope is not None
    assert files.envelope.raw == offices.given.envelope.raw
    assert files.parcels == tuple(offices.given.parcels)
    assert files.scenario.raw == offices.stage.scenario
    with offices.stage.vault.vault.engine.connect() as conn:
        entry = conn.execute(t.entries.select().where(t.entries.c.idx == files.logged.opening.index)).one()
    assert files.logged.entry == entry.entry
    assert document_path(offices.out, 1, "证明.pdf").read_bytes() == PDF


def show(offices: Offices, session: Session) -> Found:
    stage = offices.stage
    shown, code = stage.open_show()
    stage.clock.on_sleep = lambda: None

    def answer(request: Any) -> None:
        if request.url.path.endswith("/collect"):
            offices.liar.after = None
            stage.present(shown, stage.item, claims=CLAIMS)

    offices.liar.after = answer
    try:
        return scan(session, open_desk(session), ScanOrder(code, "small-loan", OFFICER, offices.out, wait_s=2))
    finally:
        offices.liar.after = None


def check_shown(offices: Offices, _session: Session, found: Found) -> None:
    with offices.stage.vault.vault.engine.connect() as conn:
        receipts = {row.receipt for row in conn.execute(t.shows.select())}
    assert found.use.receipt.raw in receipts
    if found.outcome.verdict == "accept":
        assert found.scenario.raw == offices.stage.scenario


def check_asked(offices: Offices, _session: Session, found: Found) -> None:
    assert offices.given is not None
    if found.given.envelope.raw != offices.given.envelope.raw:
        assert found.verdict == "reject", "a grant that its holder did not sign so is believed"
        return
    # How often it was used, and when it was posted, is the vault's word: it may call a good grant used up.
    failed = {check.name for check in found.own.checks if check.status == "fail"}
    assert failed <= {"grant_uses", "grant_time", "grant_signature", "grant_scope"}, failed


def check_inbox(offices: Offices, _session: Session, found: Found) -> None:
    assert all(len(one.grant.grant_id) == 32 for one in found)


def check_again(offices: Offices, session: Session) -> Found:
    return review(session, open_desk(session), offices.out)


def check_reviewed(offices: Offices, _session: Session, found: Found) -> None:
    assert found.outcome.verdict in {"accept", "indeterminate"}


def receipt_of_another(offices: Offices) -> Session:
    """Somebody else's receipt, which the log does not have."""
    from tests.unit.agency_cli.test_single import a_receipt

    offices.receipts = [a_receipt(offices.stage, offices.stage.bank)]
    return offices.bank


def check_never_used(offices: Offices, _session: Session, found: Found) -> None:
    # Whether another's receipt is in the log only the vault can say: that is its word (docs of ``single``). What the
    # chain says of reader and key is not its word.
    assert found.check("issuer_authority").status in {"pass", "unknown"}
    assert found.check("format").status == "pass"


def verify_proof(offices: Offices, session: Session) -> Found:
    stage = offices.stage
    index = stage.vault.get(stage.alice, f"/v1/me/items/{stage.item.id}").json()["index"]
    raw = stage.vault.get(None, f"/v1/log/proof/{index}").text.encode()
    return single.verify_proof_file(session, open_desk(session), raw, None)


def check_proven(_offices: Offices, _session: Session, found: Found) -> None:
    assert found.verdict in {"accept", "indeterminate", "reject"}
    if found.verdict == "accept":
        assert found.check("anchor_inclusion").status == "pass"


def verify_presentation(offices: Offices, session: Session) -> Found:
    stage = offices.stage
    raw = present_credential(
        stage.item.credential,
        CLAIMS,
        stage.alice.present,
        aud=stage.vault.urn(stage.bank),
        nonce=NONCE,
        iat=stage.clock.now(),
    )
    return single.verify_presentation_file(session, open_desk(session), raw.encode(), NONCE)


def check_presented(_offices: Offices, _session: Session, found: Found) -> None:
    if found.verdict == "accept":
        assert {found.check(name).status for name in ("issuer_signature", "status", "holder_binding")} == {"pass"}


# --- the issuer -------------------------------------------------------------------------------------


def issuer(offices: Offices) -> Session:
    """Its list has changed since it was published, if it ever was: the next issue brings it to the vault."""
    lists = Lists(offices.issuer.profile.folder, own_account(offices.issuer))
    lists.set(lists.allocate()[0], INVALID)
    return offices.issuer


def issue(offices: Offices, session: Session) -> Found:
    desk = issuing.open_desk(session)
    order = make_order(
        {"holder": HOLDER_CLAIMS, **INSURANCE},
        licence_type("social-insurance-proof"),
        desk.office,
        today=date(2026, 11, 21),
        overrides={"number": offices.number()},
        documents=(offices.document,),
    )
    return issuing.issue(desk, order, addressee(offices.stage.alice.card_token(offices.clerks)))


def check_issued(offices: Offices, session: Session, found: Found) -> None:
    with offices.stage.vault.vault.engine.connect() as conn:
        assert conn.execute(t.items.select().where(t.items.c.item == found.item)).first() is not None
    check_records(offices, session)


def check_records(offices: Offices, session: Session) -> None:
    """A record says deposited only of what the vault took."""
    with offices.stage.vault.vault.engine.connect() as conn:
        items = {row.item for row in conn.execute(t.items.select())}
    for path in (session.profile.folder / "issued").glob("*.json"):
        from client.files import read_json

        record = read_json(path)
        from protocol.encoding import unb64u

        assert record["state"] == "unsure" or unb64u(record["item"]) in items


def listed(offices: Offices) -> Session:
    Lists(offices.issuer.profile.folder, own_account(offices.issuer)).allocate()
    return offices.issuer


def publish_list(offices: Offices, session: Session) -> Found:
    lists = Lists(session.profile.folder, own_account(session))
    return publishing.publish(session, standing(session), lists, lists.numbers()[-1])


def check_published(offices: Offices, session: Session, found: Found) -> None:
    with offices.stage.vault.vault.engine.connect() as conn:
        tokens = [row.object for row in conn.execute(t.public_entries.select())]
    assert found.published is not None
    from protocol.errors import OneFileError
    from protocol.status_list import parse_status_token

    times = set()
    for raw in tokens:
        try:
            times.add(parse_status_token(raw.decode()).body.iat)
        except OneFileError:
            continue
    assert found.published.iat in times, "the issuer believes that its list is out"


# --- registration, scenarios ------------------------------------------------------------------------


def check_registered(offices: Offices, session: Session, found: Found) -> None:
    state = offices.stage.chain.ledger(offices.stage.bank.address).agency(own_account(session))
    assert state is not None
    assert state.card is not None
    assert state.card.hash == found.card.card.digest(deployments.agency_domain(session.deployment))


def scenario_source(offices: Offices) -> dict[str, Any]:
    body = parse_scenario(offices.stage.scenario).body.to_json()
    return {k: v for k, v in body.items() if k not in {"version", "supersedes", "authority"}}


def publish_scenario(offices: Offices, session: Session) -> Found:
    offices.said = offices.number()
    return scenarios.publish(session, {**scenario_source(offices), "scenario_id": f"loan-{offices.said}"})


def check_scenario(offices: Offices, _session: Session, found: Found) -> None:
    known, _new = found
    with offices.stage.vault.vault.engine.connect() as conn:
        hashes = {row.hash for row in conn.execute(t.scenarios.select())}
    assert known.signed.hash in hashes, "the authority believes that its scenario is out"


def find_scenario(offices: Offices, session: Session) -> Found:
    return scenarios.find(session, "small-loan")


def check_found(offices: Offices, _session: Session, found: Found) -> None:
    assert found.verified is not True or found.signed.raw == offices.stage.scenario


def nothing_to_check(_offices: Offices, _session: Session, _found: Found) -> None:
    """What came out promises nothing; the profile is looked at all the same."""


def check_profile(offices: Offices, session: Session) -> None:
    """Nothing false stands in a profile."""
    log = session.deployment.log
    assert log is not None
    assert (log.origin, log.vkey) == (offices.stage.vault.origin, offices.stage.vault.vault.log.vkey)
    with offices.stage.vault.vault.engine.connect() as conn:
        logged = {row.receipt for row in conn.execute(t.releases.select())} | {
            row.receipt for row in conn.execute(t.shows.select())
        }
    for kept in Uses(session.profile.folder):
        assert kept.state == "pending" or kept.receipt.raw in logged, "a use stands for done that is not in the log"
    check_records(offices, session)
    if session.profile.trust_file.exists():
        trust = read_trust(session.profile.trust_file, [tool_key(session.settings.home).public_jwk().thumbprint()])
        domain = deployments.agency_domain(session.deployment)
        ledger = offices.stage.chain.ledger(offices.stage.bank.address)
        for agency in trust.agencies:
            state = ledger.agency(agency.facts.account)
            assert state is not None
            assert {card.card.digest(domain) for card in agency.cards} <= {card.hash for card in state.cards}


def check_pack(offices: Offices, session: Session, found: Found) -> None:
    """What the vault says of scenarios and cards is not believed; a false list is refused when it is used."""
    with offices.stage.vault.vault.engine.connect() as conn:
        true = {row.jws for row in conn.execute(t.scenarios.select())}
    assert set(found.scenarios) <= true, "a scenario of nobody stands in the pack"
    assert read_pack(session).to_json() == found.to_json()
    ledger, domain = (
        offices.stage.chain.ledger(offices.stage.bank.address),
        deployments.agency_domain(session.deployment),
    )
    for agency in found.facts.agencies:
        state = ledger.agency(agency.facts.account)
        assert state is not None
        assert {card.card.digest(domain) for card in agency.cards} <= {card.hash for card in state.cards}


ACTS: dict[str, Act] = {
    "inbox": Act(("grants",), lambda _offices, session: list(given(session)), check_inbox, granted),
    "ask": Act(
        ("grant", "scenario", "agency", "verify_grant"),
        lambda offices, session: asking.ask(session, open_desk(session), offices.given.id),
        check_asked,
        granted,
    ),
    "release": Act(
        (
            *("grant", "scenario", "agency", "release", "status_list", "checkpoint", "consistency", "tile"),
            *("grant_payload", "agencies"),
        ),
        use,
        check_use,
        granted,
    ),
    "scan": Act(
        (
            *("scenarios", "agency", "collect", "show", "show_payload", "status_list", "checkpoint", "consistency"),
            *("tile", "agencies"),
        ),
        show,
        check_shown,
        bank,
    ),
    "gather a pack": Act(
        ("agencies", "status_list", "scenarios"), lambda _offices, session: update_pack(session), check_pack, bank
    ),
    "review": Act(("consistency",), check_again, check_reviewed, used),
    "a receipt": Act(
        ("agency", "verify"),
        lambda offices, session: single.verify_receipt_file(session, open_desk(session), offices.receipts[0].encode()),
        check_never_used,
        receipt_of_another,
    ),
    "a proof": Act(("tile", "consistency"), verify_proof, check_proven, bank),
    "a presentation": Act(("card", "agency", "status_list"), verify_presentation, check_presented, bank),
    "issue": Act(("info", "card", "put_status_list", "status_list", "upload", "deposit"), issue, check_issued, issuer),
    "publish a list": Act(("put_status_list", "status_list"), publish_list, check_published, listed),
    "register": Act(
        ("relay", "put_agency_card"),
        lambda _offices, session: registration.register(session),
        check_registered,
        Offices.newcomer,
    ),
    "publish a scenario": Act(
        ("scenarios", "post_scenario", "scenario"), publish_scenario, check_scenario, lambda offices: offices.authority
    ),
    "find a scenario": Act(("scenarios", "agency"), find_scenario, check_found, bank),
}
