"""Opening parcels: what a grant or a show handed over must be exactly what was signed, and nothing beside it.

age binds no context: a parcel, a header or a payload of another object for the same reader opens as well. So every
one of them is held against a digest that somebody signed: a parcel against the grant, a payload against the deposit
slip, a document's plaintext against the credential. Signatures, log and chain are the matter of ``judging``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocol.credential import Credential, FileEntry, open_credential
from protocol.encoding import b64u
from protocol.envelope import open_joined
from protocol.errors import Denied, Untrusted
from protocol.grant import AccessGrant, ScopeItem
from protocol.hashing import same, sha256
from protocol.parcel import Parcel, ParcelItem
from protocol.receipts import Receipt
from protocol.recipients import Identity
from protocol.signed import Signed
from protocol.slips import Slip, item_commitment, parse_slip

MAX_PARCEL_FILE = 4 << 20


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was handed over: what the credential says of it, and which payload holds it."""

    entry: FileEntry
    payload: bytes
    payload_size: int


@dataclass(frozen=True, slots=True)
class Handed:
    """One item that was handed over. ``part`` is what the grant says of it, None for a show.

    Parcel, slip, credential and documents belong together; who signed them, and whether that counts, is open.
    """

    parcel: Parcel
    item: ParcelItem
    slip: Signed[Slip]
    credential: Credential
    documents: tuple[Document, ...]
    part: ScopeItem | None = None

    @property
    def id(self) -> str:
        """The item's id as people and paths see it."""
        return b64u(self.slip.body.item)


def parts_of(grant: AccessGrant, receipt: Receipt) -> tuple[ScopeItem, ...]:
    """The parts of the grant's scope that a receipt asks for, in the order of the scope."""
    wanted = {item.item for item in receipt.items}
    return tuple(part for part in grant.scope if part.item in wanted)


def open_parcel(sealed: bytes, identities: Sequence[Identity]) -> Parcel:
    """The parcel in an age file that is sealed to us; ``Denied("no_identity")`` if it is sealed to another."""
    return Parcel.parse(open_joined(sealed, identities))


def open_granted(
    grant: AccessGrant, receipt: Receipt, parcels: Sequence[bytes], identities: Sequence[Identity], log: str
) -> tuple[Handed, ...]:
    """What the parcels of one use hold, in the order of the grant's scope; ``log`` is the log's origin.

    Raises ``Untrusted`` for a parcel that the grant does not name, or that holds another item, dossier, grant or
    document than the grant says.
    """
    parts = parts_of(grant, receipt)
    # (1) Exactly the parcels that the holder signed for, in that order: their hashes are in the grant.
    if [sha256(sealed) for sealed in parcels] != [part.parcel for part in parts]:
        raise Untrusted("parcel_other", "a parcel is not the one that the grant names")
    handed = tuple(
        _granted(grant, part, open_parcel(sealed, identities), log) for part, sealed in zip(parts, parcels, strict=True)
    )
    # (2) One grant, one key under which its uses are logged.
    if len({one.parcel.grant_tag_key for one in handed}) > 1:
        raise Untrusted("parcel_tag_key", "the parcels of one grant carry different tag keys")
    return handed


def open_shown(receipt: Receipt, sealed: bytes, identities: Sequence[Identity], log: str) -> tuple[Handed, ...]:
    """What the wallet presented for a show; raises ``Untrusted`` if it is for another session or log."""
    parcel = open_parcel(sealed, identities)
    if parcel.show is None or parcel.show != receipt.show:
        raise Untrusted("parcel_show", "the presentation is for another show than the one that was collected")
    handed = tuple(_item(parcel, item, log) for item in parcel.items)
    if len({one.slip.body.dossier for one in handed}) > 1:
        raise Untrusted("parcel_dossiers", "the presentation mixes items of several dossiers")
    return handed


def _granted(grant: AccessGrant, part: ScopeItem, parcel: Parcel, log: str) -> Handed:
    if parcel.grant != grant.grant_id:
        raise Untrusted("parcel_grant", "the parcel is for another grant")
    if len(parcel.items) != 1:
        raise Untrusted(
            "parcel_items", "a parcel holds the one item that the grant names, got {got}", got=len(parcel.items)
        )
    handed = _item(parcel, parcel.items[0], log, part)
    slip = handed.slip.body
    if (slip.item, slip.dossier) != (part.item, grant.dossier):
        raise Untrusted("parcel_item", "the parcel holds another item than {item}", item=b64u(part.item))
    if {document.payload for document in handed.documents} != set(part.documents):
        raise Untrusted("parcel_documents", "the parcel names other documents than the grant")
    return handed


def _item(parcel: Parcel, item: ParcelItem, log: str, part: ScopeItem | None = None) -> Handed:
    slip = parse_slip(item.slip)
    if slip.body.aud != log:
        raise Untrusted("wrong_audience", "the object is for {got}, this is {want}", got=slip.body.aud, want=log)
    # An own document is its holder's word alone: it is never handed over as if an issuer had signed it.
    if slip.body.own:
        raise Denied("own_document", "the item was deposited by its holder: no issuer stands for it")
    credential = open_credential(item.presentation)
    # The slip commits to one credential: without this a revoked one could be shown under another's log entry.
    if not same(item_commitment(item.salt, credential.issuer_jwt), slip.body.item_commitment):
        raise Untrusted("item_commitment", "the slip commits to another credential than the one that was presented")
    if slip.body.iss != credential.issuer:
        raise Untrusted("slip_issuer", "slip and credential are of two issuers")
    return Handed(parcel, item, slip, credential, tuple(_documents(item, slip.body, credential)), part)


def _documents(item: ParcelItem, slip: Slip, credential: Credential) -> Iterable[Document]:
    """The documents of an item: object n of the slip is entry n - 1 of the credential's ``files``."""
    positions = {part.payload: (n, part.payload_size) for n, part in enumerate(slip.objects[1:])}
    for document in item.documents:
        n, size = positions.get(document.payload, (-1, 0))
        entry = credential.files.get(f"/files/{n}")
        if entry is None or entry.name != document.name:
            raise Untrusted(
                "document_unnamed",
                "the credential does not show what document {payload} is",
                payload=b64u(document.payload),
            )
        yield Document(entry, document.payload, size)
