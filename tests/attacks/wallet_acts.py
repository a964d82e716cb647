"""What a holder does with a wallet while the vault lies, and what must be true of what comes out."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agency_cli.services.parcels import open_parcel
from client.checks import open_desk
from client.exportdir import read_folder
from client.session import Session
from protocol.encoding import b64u, hex0x, unb64u
from protocol.envelope import header_for
from protocol.errors import OneFileError, Unavailable
from protocol.grant import GrantEnvelope, nullifier_of
from protocol.keycard import KeyCardEnvelope
from protocol.show_code import parse_show_code
from protocol.status_list import parse_status_token
from tests.attacks.wallet_truth import Truth
from tests.attacks.wallet_world import Theatre
from tests.unit.wallet_cli.receipts import receipt
from vault_api.db import tables as t
from wallet_cli.services import (
    claiming,
    documents,
    exporting,
    granting,
    health,
    opening,
    registration,
    revoking,
    scenarios,
    syncing,
    tokens,
    usage,
    verifying,
)
from wallet_cli.services.collecting import Collecting
from wallet_cli.services.showing import Showing

Found = Any


@dataclass(frozen=True)
class Act:
    """``prepare`` is honest and gives the session that is lied to; ``act`` is what is done then; ``check`` fails
    unless what it came to is true. ``calls``: the routes that it takes (``liar.ROUTES``)."""

    calls: tuple[str, ...]
    act: Callable[[Theatre, Session], Found]
    check: Callable[[Theatre, Session, Truth, Found], None]
    prepare: Callable[[Theatre], Session] = lambda theatre: theatre.session()


class Away:
    """A chain that does not answer."""

    def __getattr__(self, name: str) -> Any:
        raise Unavailable("chain_unreachable", "gone")


def truth_of(theatre: Theatre, session: Session) -> Truth:
    """What is true now; looked up anew only if the log has grown."""
    key = (session.party.subject, theatre.stage.vault.log.size)
    if key not in theatre.truths:
        theatre.truths[key] = Truth(theatre.stage, session.party.subject)
    found: Truth = theatre.truths[key]
    return found


# --- sync -----------------------------------------------------------------------------------------


def unsynced(theatre: Theatre) -> Session:
    for name in ("items", "history", "objects"):
        shutil.rmtree(theatre.profile / name)
    (theatre.profile / "log.json").unlink()
    theatre.forget_cards()
    return theatre.session()


def check_sync(_theatre: Theatre, session: Session, truth: Truth, report: Found) -> None:
    assert report.events == session.store.log_head().head.n
    ids = {b64u(item) for item in truth.items}
    assert set(report.new_items) <= ids
    assert len(set(report.new_items)) == len(report.new_items)
    assert all(truth.items[unb64u(gone)].state == "deleted" for gone in report.deleted)
    # Whatever was issued within the events that were walked is there.
    issued = {row.index for row in truth.items.values()}
    walked = {row["logged"]["index"] for row in truth.rows[: report.events]}
    assert {record.index for record in session.store.items()} == issued & walked


# --- claim, open, export, verify --------------------------------------------------------------------


def cardless(theatre: Theatre) -> Session:
    theatre.forget_cards()
    return theatre.session()


def check_claim(_theatre: Theatre, _session: Session, truth: Truth, claimed: Found) -> None:
    for one in claimed:
        if one.accepted:
            assert one.verdict.verdict == "accept"
            said = [w for w in truth.statements() if w.kind == "claim" and b64u(w.item) == one.item]
            assert said, "the wallet says that its word is in the log"
            assert one.index in {row["logged"]["index"] for row in truth.rows}


def without_payloads(theatre: Theatre) -> Session:
    shutil.rmtree(theatre.profile / "objects")
    return theatre.session()


def open_document(theatre: Theatre, session: Session) -> Path:
    item = opening.open_item(session, session.store.item(theatre.item))
    out = theatre.folder / "out.pdf"
    opening.save_document(session, item, item.documents[0], out)
    return out


def check_document(_theatre: Theatre, _session: Session, _truth: Truth, out: Path) -> None:
    from tests.wallet_stage import PDF

    assert out.read_bytes() == PDF


def export(theatre: Theatre, session: Session) -> Path:
    item = opening.open_item(session, session.store.item(theatre.item))
    exporting.export(session, open_desk(session), item, theatre.folder / "out")
    return theatre.folder / "out"


def check_export(theatre: Theatre, _session: Session, truth: Truth, out: Path) -> None:
    found = read_folder(out)
    assert found.entry == truth.entries[found.opening.index].entry
    with theatre.stage.vault.engine.connect() as conn:
        tokens_ = {bytes(row.object) for row in conn.execute(t.public_entries.select())}
    assert found.status is None or found.status.encode() in tokens_, "a status list that nobody signed"
    if found.status is not None:
        assert parse_status_token(found.status).body.iss == theatre.world.hr.urn
    hashes = {card.hash for card in theatre.stage.ledger.agency(theatre.world.hr.account).cards}  # type: ignore[union-attr]  # it was admitted
    domain = theatre.stage.domain("agency_registry")
    assert all(card.card.digest(domain) in hashes for card in found.issuer_cards)


def exported(theatre: Theatre) -> Session:
    export(theatre, theatre.session(honest=True))
    theatre.forget_cards()
    return theatre.session()


def verify(theatre: Theatre, session: Session) -> Found:
    return verifying.verify_folder(session, verifying.VerifyOrder(theatre.folder / "out"))


def check_verified(_theatre: Theatre, _session: Session, _truth: Truth, found: Found) -> None:
    # The folder is good: lies may leave it open, and must not make it false for lack of a word.
    assert found.conclusion in {"accept", "indeterminate", "reject"}
    assert found.conclusion != "reject" or any(check.status == "fail" for check in found.verdict.checks)


# --- grants ---------------------------------------------------------------------------------------


def grant(theatre: Theatre, session: Session) -> Found:
    desk = open_desk(session)
    plan = granting.plan(session, desk, theatre.order(documents=((theatre.item, "1"),)))
    sealed = granting.seal_grant(session, desk, plan)
    return granting.post(session, plan, sealed), plan, sealed


def check_grant(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    grant_id, plan, sealed = found
    with theatre.stage.vault.engine.connect() as conn:
        assert conn.execute(t.grants.select().where(t.grants.c.grant_id == grant_id)).first() is not None
    check_sealed(theatre, session, truth, (plan, sealed))


def check_sealed(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    """Signed is what the true scenario asks for, to the true bank, by the true epoch; and it alone can open it."""
    plan, sealed = found
    message, bank = sealed.envelope.grant, theatre.world.bank
    assert plan.agency_name == bank.name
    assert (message.agency, message.agency_card) == (bank.account, bank.card_hash)
    assert plan.scenario.raw == theatre.world.scenario_raw
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert message.grant_epoch == state.grant_epoch, "the grant is signed for an epoch that is not now"
    assert message.not_before <= theatre.stage.clock.now()
    identities = [bank.keys.sealing(1)]
    for parcel in sealed.parcels:
        opened = open_parcel(parcel, identities)
        check_parcel(theatre, session, truth, opened)
    from protocol.envelope import unwrap

    for extra in sealed.headers:
        assert header_for(unwrap(unb64u(extra.header), identities), [identities[0].recipient()])


def check_parcel(theatre: Theatre, session: Session, truth: Truth, parcel: Found) -> None:
    card = KeyCardEnvelope.from_json(parcel.card)
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert card.card.digest(theatre.stage.domain("dossier_registry")) == state.card_hash, "a card that is not ours"
    from protocol.note import verify_checkpoint
    from protocol.tlog_proof import TlogProof

    for item in parcel.items:
        proof = TlogProof.parse(item.proof.encode())
        truth.check_checkpoint(verify_checkpoint(proof.checkpoint, theatre.stage.vault.origin, truth.vkey))


def offline_grant(theatre: Theatre, session: Session) -> Found:
    desk = open_desk(session)
    plan = granting.plan(session, desk, theatre.order())
    return plan, granting.seal_grant(session, desk, plan)


def chainless(theatre: Theatre) -> Session:
    session = theatre.session()
    session.opener = lambda _settings, _record: Away()  # type: ignore[assignment,return-value]  # a ledger that fails
    return session


def check_grants(theatre: Theatre, session: Session, _truth: Truth, rows: Found) -> None:
    """Every row is a grant that this holder signed, and in the state that it is in."""
    with theatre.stage.vault.engine.connect() as conn:
        true = {b64u(row.grant_id): row for row in conn.execute(t.grants.select())}
    assert {kept["grant"] for kept in session.store.grants()} <= {row["grant"] for row in rows}, "a grant is hidden"
    for row in rows:
        envelope = GrantEnvelope.parse(true[row["grant"]].envelope)
        body = envelope.grant
        assert row["agency"] == hex0x(body.agency)
        assert (row["purpose"], row["max_uses"]) == (body.purpose, body.max_uses)
        assert (row["not_before"], row["not_after"]) == (body.not_before, body.not_after)
        assert [part["claims"] for part in row["scope"]] == [list(part.claims) for part in body.scope]
        revoked = true[row["grant"]].ended_at is not None
        assert (row["state"] == "revoked") == revoked, "a living grant is shown as ended, or the other way round"


def fresh_grant(theatre: Theatre) -> Session:
    honest = theatre.session(honest=True)
    theatre.last_grant = theatre.granted(honest)
    return theatre.session()


def revoke(theatre: Theatre, session: Session) -> Found:
    row = revoking.find_grant(session, b64u(theatre.last_grant))
    return revoking.revoke(session, revoking.grant_id_of(row))


def check_revoked(theatre: Theatre, session: Session, _truth: Truth, done: Found) -> None:
    assert done.grant == theatre.last_grant
    secret = revoking.secret_of(session, done.grant)
    with theatre.stage.vault.engine.connect() as conn:
        row = conn.execute(t.grants.select().where(t.grants.c.grant_id == done.grant)).one()
    on_chain = theatre.stage.ledger.nullified_at(nullifier_of(secret)) is not None
    assert on_chain or not done.on_chain, "the wallet says that the chain knows"
    assert on_chain or row.ended_at is not None, "the wallet says that the grant is over"


# --- uses and shows -------------------------------------------------------------------------------


def synced(theatre: Theatre) -> Session:
    syncing.sync(theatre.session(honest=True))
    theatre.forget_cards()
    return theatre.session()


def list_uses(_theatre: Theatre, session: Session) -> Found:
    return usage.uses(session, open_desk(session))


def check_uses(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    from protocol.entries import Entry

    kinds = [Entry.parse(unb64u(row["logged"]["entry"])).t for row in truth.rows]
    walked = kinds[: session.store.log_head().head.n]
    assert len(found) == walked.count("access"), "a use is hidden"
    for use in found:
        if use.state == "pass":
            assert use.agency == hex0x(theatre.world.bank.account)
            assert use.agency_name == theatre.world.bank.name


def show(theatre: Theatre, session: Session) -> Found:
    item = opening.open_item(session, session.store.item(theatre.item))
    showing = Showing(session, item)
    code = showing.draw()
    theatre.shown = parse_show_code(code.text).code.session
    raw = receipt(theatre.world, show=theatre.shown, nonce=secrets.token_bytes(16))
    try:
        theatre.world.bank.api.collect(code.text, raw)
        seen = showing.wait(1)
        collecting = Collecting(showing)
        collector = collecting.check(seen)
        return collector, collecting.deliver(collector)
    except OneFileError:
        with contextlib.suppress(OneFileError):
            showing.refuse()
        raise


def check_shown(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    collector, delivered = found
    assert collector.agency.account == theatre.world.bank.account
    assert collector.card.hash == theatre.world.bank.card_hash
    assert collector.scenario.raw == theatre.world.scenario_raw
    got = theatre.world.bank.api.show(theatre.shown)
    assert delivered.state != "delivered" or got.presentation is not None, "the wallet says that it was handed over"
    if got.presentation is not None:
        parcel = open_parcel(unb64u(got.presentation), [theatre.world.bank.keys.sealing(1)])
        assert parcel.show == theatre.shown
        check_parcel(theatre, session, truth, parcel)


def refuse(theatre: Theatre, session: Session) -> Found:
    item = opening.open_item(session, session.store.item(theatre.item))
    showing = Showing(session, item)
    showing.refuse()
    return showing


# --- own documents --------------------------------------------------------------------------------


def put(theatre: Theatre, session: Session) -> Found:
    return documents.put(session, documents.PutOrder((theatre.own,), "another lease"))


def check_put(_theatre: Theatre, _session: Session, truth: Truth, record: Found) -> None:
    assert record.item in truth.items
    assert truth.items[record.item].index == record.index


def deposited(theatre: Theatre) -> Session:
    honest = theatre.session(honest=True)
    theatre.last_item = documents.put(honest, documents.PutOrder((theatre.own,), "to be gone")).item
    theatre.stage.tick()
    syncing.sync(honest)
    return theatre.session()


def delete(theatre: Theatre, session: Session) -> Found:
    return documents.delete(session, session.store.item(b64u(theatre.last_item)))


def check_deleted(_theatre: Theatre, _session: Session, truth: Truth, record: Found) -> None:
    assert truth.items[record.item].state == "deleted", "the wallet has forgotten what the vault still has"


# --- the dossier ----------------------------------------------------------------------------------


def check_view(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert (found.owner, found.controller) == (hex0x(state.owner), hex0x(state.controller))
    assert (found.card_seq, found.card_hash, found.grant_epoch) == (
        state.card_seq,
        hex0x(state.card_hash),
        state.grant_epoch,
    )
    assert found.dossier == hex0x(session.party.subject)
    assert found.events >= session.store.log_head().head.n, "the wallet shows fewer events than it has seen"


def check_renewed(theatre: Theatre, session: Session, _truth: Truth, card: Found) -> None:
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert state.card_hash == card.hash, "the wallet says that its new card is published"
    assert session.party.card_seq == state.card_seq


def check_epoch(theatre: Theatre, session: Session, _truth: Truth, epoch: Found) -> None:
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert state.grant_epoch == epoch, "the wallet says that all grants have ended"


def check_opened(theatre: Theatre, session: Session, _truth: Truth, _found: Found) -> None:
    assert session.party.opened
    assert theatre.stage.ledger.dossier(session.party.subject) is not None


def invite(theatre: Theatre, session: Session) -> Found:
    account = tokens.agency_account(session, theatre.world.bank.name)
    return account, tokens.card_token(session, account)


def check_invited(theatre: Theatre, _session: Session, _truth: Truth, found: Found) -> None:
    account, _token = found
    assert account == theatre.world.bank.account, "somebody else was invited"


def without_log(theatre: Theatre) -> Session:
    """A profile that has not learnt yet what its log is called."""
    from dataclasses import replace

    from client import deployment as deployments

    session = theatre.session()
    deployments.pin(session.profile, replace(deployments.pinned(session.profile), log=None))
    (theatre.profile / "log.json").unlink()
    return session


def check_log(theatre: Theatre, _session: Session, _truth: Truth, found: Found) -> None:
    assert (found.origin, found.vkey) == (theatre.stage.vault.origin, theatre.stage.vault.log.vkey)


def nothing_to_check(_theatre: Theatre, _session: Session, _truth: Truth, _found: Found) -> None:
    """What came out promises nothing; the profile is looked at all the same."""


def check_scenarios(theatre: Theatre, _session: Session, _truth: Truth, rows: Found) -> None:
    with theatre.stage.vault.engine.connect() as conn:
        true = {b64u(row.hash) for row in conn.execute(t.scenarios.select())}
    assert {row["hash"] for row in rows} <= true


LOGGED = ("checkpoint", "consistency", "proof", "tile")  # whatever was just written is looked for in the log

SYNC = ("log", "checkpoint", "consistency", "proof", "items", "payload", "agencies")

ACTS: dict[str, Act] = {
    "sync": Act(
        SYNC,
        lambda _theatre, session: syncing.sync(session),
        check_sync,
    ),
    "first sync": Act(
        ("log", "checkpoint", "proof", "items", "payload", "agencies"),
        lambda _theatre, session: syncing.sync(session),
        check_sync,
        unsynced,
    ),
    "deep sync": Act(
        SYNC,
        lambda _theatre, session: syncing.sync(session, deep=True),
        check_sync,
    ),
    "claim": Act(
        ("status_list", "agency", "payload", "state", *LOGGED),
        lambda theatre, session: claiming.claim(session, [theatre.item]),
        check_claim,
        cardless,
    ),
    "open": Act(("payload",), open_document, check_document, without_payloads),
    "export": Act(
        ("checkpoint", "consistency", "proof", "status_list", "agency", "payload"), export, check_export, cardless
    ),
    "verify": Act(("status_list",), verify, check_verified, exported),
    "grant": Act(("scenarios", "info", "agency", "card", "post_grant", *LOGGED), grant, check_grant, cardless),
    "grant without the chain": Act(
        ("scenarios", "info", "checkpoint", "consistency", "proof", "card"), offline_grant, check_sealed, chainless
    ),
    "grants": Act(("my_grants", *SYNC), lambda _theatre, session: revoking.listed(session), check_grants, fresh_grant),
    "revoke": Act(("my_grants", "revoke", "relay"), revoke, check_revoked, fresh_grant),
    "uses": Act(("checkpoint", "proof", "agency"), list_uses, check_uses, synced),
    "show": Act(
        ("info", "open_show", "my_show", "scenario", "agency", "checkpoint", "consistency", "proof", "card", "present"),
        show,
        check_shown,
        cardless,
    ),
    "refuse": Act(("info", "open_show", "refuse_show"), refuse, nothing_to_check),
    "put": Act(("info", "card", "upload", "deposit", *LOGGED), put, check_put),
    "delete": Act(("delete_item", *LOGGED), delete, check_deleted, deposited),
    "view": Act(("me", "card"), lambda _theatre, session: registration.view(session), check_view),
    "renew": Act(
        ("card", "relay", "put_card"),
        lambda _theatre, session: registration.renew_card(session, revoke_older=False),
        check_renewed,
        Theatre.opened,
    ),
    "end all grants": Act(
        ("relay",), lambda _theatre, session: registration.end_all_grants(session), check_epoch, Theatre.opened
    ),
    "init": Act(
        ("relay", "open_dossier"),
        lambda _theatre, session: registration.open_dossier(session),
        check_opened,
        Theatre.newcomer,
    ),
    "restore": Act(("card",), lambda _theatre, session: registration.adopt_newest_card(session), nothing_to_check),
    "invite": Act(("card",), invite, check_invited),
    "learn the log": Act(("info",), lambda _theatre, session: session.log, check_log, without_log),
    "scenarios": Act(
        ("scenarios", "agency"),
        lambda _theatre, session: scenarios.listed(session, open_desk(session), None, ready=True),
        check_scenarios,
        cardless,
    ),
    "doctor": Act(
        ("info", "checkpoint", "consistency"), lambda _theatre, session: health.examine(session), nothing_to_check
    ),
    "one grant": Act(("my_grant",), lambda theatre, session: session.api.my_grant(theatre.grant), nothing_to_check),
    "one item": Act(("item",), lambda theatre, session: session.api.item(unb64u(theatre.item)), nothing_to_check),
}
