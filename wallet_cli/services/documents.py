"""Own documents: put into the dossier, and destroyed again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from client.ids import draw_id
from client.kept import Kept
from client.own_document import OwnDocument
from client.sealing import SealedPart, drafts, upload
from client.session import Session
from client.store import ItemRecord
from protocol import wire
from protocol.credential import MAX_FILES
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed, Untrusted
from protocol.keycard import VerifiedKeyCard
from protocol.recipients import HybridRecipient
from protocol.slips import Slip, item_commitment, parse_slip, sign_slip
from wallet_cli.services.logged import said, stands
from wallet_cli.services.payloads import Step
from wallet_cli.services.registration import newest_card
from wallet_cli.services.tokens import own_urn, statement

_OWN = "own"  # what documents are sealed for here


@dataclass(frozen=True, slots=True)
class PutOrder:
    """What is put in: files in their order, a title, and perhaps a note."""

    files: tuple[Path, ...]
    title: str
    note: str | None = None


def put(session: Session, order: PutOrder, step: Step | None = None) -> ItemRecord:
    """Seal the files to our own key card, upload them, and deposit them with a slip of our own.

    Everything is sealed and checked before anything is sent; the deposit is one request, so that a break leaves
    no half item. The same call again goes on with large documents where it broke off.
    """
    if not 1 <= len(order.files) <= MAX_FILES:
        raise Malformed(
            "own_file_count", "an own item has 1 to {limit} files, got {got}", limit=MAX_FILES, got=len(order.files)
        )
    found = drafts(order.files, session.public_api.info().limits.payload_bytes)
    card = newest_card(session)
    with Kept(session.store.folder / "sealed") as kept:
        sealed = [kept.seal(draft, _recipient(session), card.hash, _OWN) for draft in found]
        files = tuple(entry for entry, _part in sealed)
        listing = OwnDocument(order.title, session.clock.now(), files, order.note).serialise()
        parts = [kept.seal_bytes(listing, _recipient(session)), *(part for _entry, part in sealed)]
        upload(session.api, parts, step)
        record = _deposited(session, card, parts, listing)
        for part in parts:
            part.path.replace(session.store.payload_path(part.object.payload))
        kept.done(parts)
    return record


def _deposited(session: Session, card: VerifiedKeyCard, parts: Sequence[SealedPart], listing: bytes) -> ItemRecord:
    item, salt = draw_id(), secrets.token_bytes(32)
    # Signed after the upload: a slip is good for two minutes only.
    slip = Slip(
        jti=b64u(secrets.token_bytes(16)),
        iat=session.clock.now(),
        iss=own_urn(session),
        aud=session.log.origin,
        dossier=session.party.subject,
        item=item,
        item_commitment=item_commitment(salt, listing.decode("utf-8")),
        card=card.hash,
        objects=tuple(part.object for part in parts),
    )
    raw = sign_slip(slip, session.keys.present(card.card.seq))
    headers = [part.header for part in parts]
    answer = session.api.deposit(
        wire.Deposit(slip=raw, headers=[b64u(header) for header in headers], item_salt=b64u(salt))
    )
    if answer.item != b64u(item):
        raise Untrusted("deposit_answer", "the vault answered for another item than was deposited")
    opening, entry, proof = stands(session, "issue", raw.encode("ascii"), answer.opening)
    record = ItemRecord(
        item=item,
        state="present",
        at=answer.at,
        index=opening.index,
        slip=raw,
        salt=salt,
        headers=tuple(headers),
        opening=opening,
        entry=entry,
        proof=proof,
        claimed_at=answer.at,
    )
    session.store.save_item(record)
    return record


def delete(session: Session, record: ItemRecord) -> ItemRecord:
    """Have the vault destroy payloads, headers and salts of an item, and forget our copies."""
    if record.state == "deleted":
        raise Denied("item_deleted", "the item {item} was deleted", item=record.id)
    word = statement(session, "delete", item=record.item)
    said(session, "note", word, session.api.delete_item(record.item, wire.Statement(statement=word)))
    gone = ItemRecord(record.item, "deleted", record.at, record.index, entry=record.entry, proof=record.proof)
    for digest in payloads_of(record):
        session.store.drop_payload(digest)
    session.store.save_item(gone)
    return gone


def payloads_of(record: ItemRecord) -> list[bytes]:
    """The digests of an item's payloads."""
    return [] if record.slip is None else [part.payload for part in parse_slip(record.slip).body.objects]


def _recipient(session: Session) -> HybridRecipient:
    return session.keys.sealing(session.party.card_seq).recipient()
