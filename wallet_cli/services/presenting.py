"""What a grant and a show hand over of one item: a presentation, and the proof that it was deposited and logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from client.checks import Desk
from client.session import Session
from protocol import wire
from protocol.canonical import Json
from protocol.credential import present_credential
from protocol.encoding import b64u
from protocol.envelope import header_for, unwrap
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.facts import Anchor
from protocol.grant import ScopeItem
from protocol.jose import PublicJwk
from protocol.keys import PresentKey
from protocol.parcel import ParcelDocument, ParcelItem
from protocol.pointers import within
from protocol.recipients import HybridRecipient
from wallet_cli.services.log_heads import newest_checkpoint, prove
from wallet_cli.services.opening import Document, OpenedItem
from wallet_cli.services.registration import newest_envelope


@dataclass(frozen=True, slots=True)
class Part:
    """One item of what is handed over: the query that it answers, its claims by pointer, and its documents."""

    query: str
    item: OpenedItem
    claims: tuple[str, ...]
    documents: tuple[Document, ...]

    @classmethod
    def of(cls, query: str, item: OpenedItem, claims: Iterable[str]) -> Part:
        """The part with the documents whose entries in ``files`` are among ``claims``."""
        named = tuple(sorted(claims))
        documents = (d for d in item.documents if any(within(c, f"/files/{d.position - 1}") for c in named))
        return cls(query, item, named, tuple(documents))

    def scope(self, parcel: bytes = bytes(32)) -> ScopeItem:
        """The part as a grant's scope names it; before there is a ``parcel``, with 32 zero bytes."""
        documents = tuple(sorted(document.payload for document in self.documents))
        return ScopeItem(self.item.record.item, self.query, parcel, self.claims, documents)

    def handed(self) -> list[ParcelDocument]:
        """The documents as the parcel names them."""
        return [ParcelDocument(d.entry.name, d.payload) for d in self.documents]


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
    checkpoint, anchored = newest_checkpoint(session), _anchored_head(desk)
    if anchored is not None and index < anchored.size <= checkpoint.size:
        try:
            # The root is the chain's: a head of that size with another one proves nothing.
            return prove(session, replace(checkpoint, size=anchored.size, root=anchored.root), index, entry)
        except (Denied, Unavailable):
            pass  # that head is not kept as a checkpoint; the newest one serves
    return prove(session, checkpoint, index, entry)


def extra_headers(session: Session, parts: Iterable[Part], reader: HybridRecipient) -> Iterable[wire.ExtraHeader]:
    """For each document a header that opens its payload for the reader; the payload stays as it is."""
    identities = session.keys.identities(session.party.card_seq)
    for part in parts:
        for document in part.documents:
            header = header_for(unwrap(document.header, identities), [reader])
            yield wire.ExtraHeader(item=part.item.record.id, payload=b64u(document.payload), header=b64u(header))


def own_card(session: Session) -> dict[str, Json]:
    """Our newest key card, whole, as it goes into a parcel; verified, and with our keys in it."""
    return newest_envelope(session).to_json()


def _anchored_head(desk: Desk) -> Anchor | None:
    try:
        return desk.facts.anchors().head
    except OneFileError:
        return None


def _bound_key(session: Session, key: PublicJwk) -> PresentKey:
    """Our present key that the credential is bound to, of whichever card."""
    for seq in range(session.party.card_seq, session.keys.oldest - 1, -1):
        found = session.keys.present(seq)
        if found.public_jwk() == key:
            return found
    raise Untrusted("holder_key", "the credential is bound to another key: ask its issuer to rebind it")
