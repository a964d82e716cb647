"""What a grant and a show hand over of one item: a presentation, and the proof that it was deposited and logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from client.checks import Desk
from client.session import Session
from protocol.canonical import Json
from protocol.credential import present_credential
from protocol.errors import Denied, OneFileError, Untrusted
from protocol.jose import PublicJwk
from protocol.keycard import KeyCardEnvelope
from protocol.keys import PresentKey
from protocol.note import Vkey
from protocol.parcel import ParcelDocument, ParcelItem
from protocol.tlog_proof import verify_tlog_proof
from wallet_cli.services.opening import OpenedItem
from wallet_cli.services.syncing import prove, read_checkpoint


def present(session: Session, item: OpenedItem, claims: Iterable[str], *, aud: str, nonce: str) -> str:
    """A presentation of exactly these claims, bound to one audience and nonce by the key of the credential."""
    assert item.credential is not None
    signer = _bound_key(session, item.credential.key)
    return present_credential(item.raw, claims, signer, aud=aud, nonce=nonce, iat=session.clock.now())


def parcel_item(
    session: Session, desk: Desk, item: OpenedItem, presentation: str, documents: Sequence[ParcelDocument] = ()
) -> ParcelItem:
    """The item as it stands in a parcel, with a fresh proof of its log entry."""
    record = item.record
    if record.slip is None or record.salt is None or record.opening is None:
        raise Denied("item_deleted", "the item {item} was deleted", item=record.id)
    proof = best_proof(session, desk, record.index, record.entry)
    return ParcelItem(
        record.slip, record.salt, record.opening.salt, proof.decode("utf-8"), presentation, tuple(documents)
    )


def best_proof(session: Session, desk: Desk, index: int, entry: bytes) -> bytes:
    """A proof in the last anchored head if that covers the entry: then the chain alone vouches for it."""
    checkpoint = read_checkpoint(session, session.public_api.checkpoint())
    anchored = _anchored_size(desk)
    if anchored is not None and index < anchored <= checkpoint.size:
        try:
            return _prove_at(session, index, entry, anchored)
        except OneFileError:
            pass  # that head is not kept as a checkpoint; the newest one serves
    return prove(session, checkpoint, index, entry)


def own_card(session: Session) -> dict[str, Json]:
    """Our newest key card, whole, as it goes into a parcel; it must hold our keys."""
    envelope = KeyCardEnvelope.from_json(session.public_api.card(session.party.subject).card)
    if envelope.present_key != session.keys.present(session.party.card_seq).public_jwk():
        raise Untrusted("card_foreign_keys", "the newest key card holds keys that this profile does not have")
    return envelope.to_json()


def _anchored_size(desk: Desk) -> int | None:
    try:
        head = desk.facts.anchors().head
    except OneFileError:
        return None
    return None if head is None else head.size


def _prove_at(session: Session, index: int, entry: bytes, size: int) -> bytes:
    raw = session.public_api.proof(index, size)
    got, head = verify_tlog_proof(raw, entry, session.log.origin, Vkey.parse(session.log.vkey))
    if got != index or head.size != size:
        raise Untrusted("proof_other", "the vault's proof is of another entry or head than asked for")
    return raw


def _bound_key(session: Session, key: PublicJwk) -> PresentKey:
    """Our present key that the credential is bound to, of whichever card."""
    for seq in range(session.party.card_seq, 0, -1):
        found = session.keys.present(seq)
        if found.public_jwk() == key:
            return found
    raise Untrusted("holder_key", "the credential is bound to another key: ask its issuer to rebind it")
