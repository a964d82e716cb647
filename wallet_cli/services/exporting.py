"""Export: one item with everything that proves it, and its documents as standard age files."""

from __future__ import annotations

import shutil
from pathlib import Path

from client.checks import Desk
from client.exportdir import Exported, ExportedDocument, write_folder
from client.files import replacing
from client.session import Session
from client.verification import fetch_status, issuer_cards, issuer_facts
from protocol.errors import Conflict, Denied, OneFileError
from protocol.facts import StatusFact
from protocol.identifiers import parse_agency_urn
from protocol.keycard import KeyCardEnvelope
from protocol.slips import parse_slip
from protocol.status_list import parse_status_token, verify_status_token
from protocol.tlog_proof import TlogProof
from wallet_cli.services.claiming import own_cards
from wallet_cli.services.opening import Document, OpenedItem
from wallet_cli.services.payloads import Step, fetch_payload
from wallet_cli.services.presenting import best_proof


def export(session: Session, desk: Desk, item: OpenedItem, folder: Path, step: Step | None = None) -> Exported:
    """Write the item to ``folder``, which must be new or empty.

    The documents stay sealed: ``keys --age-identity`` prints what opens them.
    """
    record = item.record
    if record.slip is None or record.salt is None or record.opening is None:
        raise Denied("item_deleted", "the item {item} was deleted", item=record.id)
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("folder_not_empty", "{path} is not empty", path=str(folder))
    proof = best_proof(session, desk, record.index, record.entry)
    status = _status(desk, item)
    exported = Exported(
        credential=item.raw.decode("ascii") if item.credential else None,
        own=None if item.credential else item.raw,
        slip=record.slip,
        item_salt=record.salt,
        entry=record.entry,
        opening=record.opening,
        proof=proof,
        checkpoint=TlogProof.parse(proof).checkpoint,
        status=None if status is None else status.raw,
        issuer_cards=_issuer_cards(desk, item),
        dossier_cards=tuple(own_cards(session)),
        documents=tuple(ExportedDocument(f"{d.entry.name}.age", d.entry.name, d.payload) for d in item.documents),
        exported_at=session.clock.now(),
    )
    write_folder(folder, exported)
    for document, target in zip(item.documents, exported.documents, strict=True):
        _write_age(session, document, folder / target.file, step)
    return exported


def _status(desk: Desk, item: OpenedItem) -> StatusFact | None:
    """The issuer's own word on the credential's status; what the vault gives in its place is left out."""
    if item.credential is None:
        return None
    found = fetch_status(desk, item.credential)
    if found is None:
        return None
    try:
        card = desk.issuer_card(parse_agency_urn(item.credential.issuer).account, parse_status_token(found.raw).jws.kid)
        verify_status_token(found.raw, card.present_key, uri=item.credential.status.uri, now=desk.session.clock.now())
    except OneFileError:
        return None
    return found


def _issuer_cards(desk: Desk, item: OpenedItem) -> tuple[KeyCardEnvelope, ...]:
    if item.credential is None or item.record.slip is None:
        return ()
    keys = [item.credential.kid, parse_slip(item.record.slip).jws.kid]
    return issuer_cards(desk, issuer_facts(desk, item.credential), keys)


def _write_age(session: Session, document: Document, path: Path, step: Step | None) -> None:
    """Header and payload joined: what every age program opens."""
    fetch_payload(session, document.payload, document.payload_size, step=step)
    with replacing(path) as target, session.store.payload_path(document.payload).open("rb") as payload:
        target.write(document.header)
        shutil.copyfileobj(payload, target)
