"""What a wallet does with items and grants while its vault lies, and what must be true afterwards."""

from __future__ import annotations

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
from protocol.errors import Unavailable
from protocol.grant import GrantEnvelope, nullifier_of
from protocol.keycard import KeyCardEnvelope
from protocol.status_list import parse_status_token
from tests.attacks.wallet_truth import Truth
from tests.attacks.wallet_world import Theatre
from vault_api.db import tables as t
from wallet_cli.services import (
    exporting,
    granting,
    opening,
    revoking,
    verifying,
)

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
    key = (session.party.subject, theatre.stage.vault.log.head.root)
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
