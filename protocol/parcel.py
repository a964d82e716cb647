"""The parcel: what a grant, or a show, hands over, before it is sealed to the agency (FORMATS "Parcel").

Plaintext, JCS: ``{v, grant, items:[{slip, salt, leaf_salt, proof, presentation, documents:[{name,
payload}]}], card, mandate?, grant_tag_key}``. With them the reader checks by itself that each item was
deposited by its issuer (slip, salt), stands in the log (leaf_salt, proof), and that its own uses are
logged where the holder finds them (grant_tag_key). A parcel is all or nothing.

A parcel that answers a show code has ``show``, the session of 16 bytes, in the place of ``grant``, as
receipts do; everything else is the same.

This module parses and writes; it verifies nothing and seals nothing (``protocol/envelope.py`` does).

Wire laws: version 1 has these members and no other; the order of ``items`` is that of the grant's scope
and of the documents that of the credential's ``files``; anything else needs ``"v":2``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u
from protocol.errors import Malformed
from protocol.fields import Fields

PARCEL_VERSION = 1
MAX_PARCEL_BYTES = 2 << 20
MAX_ITEMS = 64
MAX_DOCUMENTS = 64
MAX_SLIP_CHARS = 64 << 10
MAX_PROOF_CHARS = 32 << 10
MAX_PRESENTATION_CHARS = 512 << 10
MAX_NAME_CHARS = 255


@dataclass(frozen=True, slots=True)
class ParcelDocument:
    """A document handed over: its name in the credential's ``files``, and SHA-256 of its payload."""

    name: str = field(repr=False)
    payload: bytes

    def __post_init__(self) -> None:
        _exactly("payload", self.payload, 32)

    def to_json(self) -> dict[str, Json]:
        return {"name": self.name, "payload": b64u(self.payload)}


@dataclass(frozen=True, slots=True)
class ParcelItem:
    """One item. Values are personal: only digests show in a ``repr``.

    ``slip`` is the deposit slip (JWS); ``salt`` opens its item commitment; ``leaf_salt`` opens the log
    entry's commitment; ``proof`` is a C2SP tlog-proof; ``presentation`` an SD-JWT with key binding.
    """

    slip: str = field(repr=False)
    salt: bytes = field(repr=False)
    leaf_salt: bytes = field(repr=False)
    proof: str = field(repr=False)
    presentation: str = field(repr=False)
    documents: tuple[ParcelDocument, ...]

    def __post_init__(self) -> None:
        _exactly("salt", self.salt, 32)
        _exactly("leaf_salt", self.leaf_salt, 32)

    def to_json(self) -> dict[str, Json]:
        return {
            "slip": self.slip,
            "salt": b64u(self.salt),
            "leaf_salt": b64u(self.leaf_salt),
            "proof": self.proof,
            "presentation": self.presentation,
            "documents": [d.to_json() for d in self.documents],
        }


@dataclass(frozen=True, slots=True)
class Parcel:
    """Exactly one of ``grant`` (id, 32 bytes) and ``show`` (session, 16 bytes) is set.

    ``card`` and ``mandate`` are the JSON envelopes of ``protocol/keycard.py`` and ``protocol/mandate.py``,
    parsed there. ``grant_tag_key`` is 32 bytes.
    """

    grant: bytes | None
    show: bytes | None
    items: tuple[ParcelItem, ...]
    card: dict[str, Json] = field(repr=False)
    mandate: dict[str, Json] | None = field(repr=False)
    grant_tag_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if (self.grant is None) == (self.show is None):
            raise Malformed("parcel_subject", "a parcel has exactly one of grant and show")
        if self.grant is not None:
            _exactly("grant", self.grant, 32)
        if self.show is not None:
            _exactly("show", self.show, 16)
        _exactly("grant_tag_key", self.grant_tag_key, 32)

    def serialise(self) -> bytes:
        """The plaintext, JCS; refuses to write what ``parse`` would refuse to read."""
        body: dict[str, Json] = {
            "v": PARCEL_VERSION,
            "items": [i.to_json() for i in self.items],
            "card": self.card,
            "grant_tag_key": b64u(self.grant_tag_key),
        }
        for name, value in (("grant", self.grant), ("show", self.show)):
            if value is not None:
                body[name] = b64u(value)
        if self.mandate is not None:
            body["mandate"] = self.mandate
        raw = canonical.dumps(body)
        Parcel.parse(raw)
        return raw

    @classmethod
    def parse(cls, raw: bytes) -> Parcel:
        """Read the plaintext strictly; raises ``Malformed`` only."""
        fields = Fields(canonical.loads_canonical(raw, limit=MAX_PARCEL_BYTES, what="parcel"), "parcel")
        fields.uint("v", least=PARCEL_VERSION, most=PARCEL_VERSION)
        parcel = cls(
            grant=fields.bytes32("grant") if fields.has("grant") else None,
            show=fields.octets("show", 16) if fields.has("show") else None,
            items=tuple(_item(f) for f in fields.objects("items", least=1, most=MAX_ITEMS)),
            card=_envelope(fields, "card"),
            mandate=_envelope(fields, "mandate") if fields.has("mandate") else None,
            grant_tag_key=fields.bytes32("grant_tag_key"),
        )
        fields.done()
        return parcel


def _item(fields: Fields) -> ParcelItem:
    item = ParcelItem(
        slip=fields.text("slip", limit=MAX_SLIP_CHARS),
        salt=fields.bytes32("salt"),
        leaf_salt=fields.bytes32("leaf_salt"),
        proof=fields.text("proof", limit=MAX_PROOF_CHARS),
        presentation=fields.text("presentation", limit=MAX_PRESENTATION_CHARS),
        documents=tuple(_document(f) for f in fields.objects("documents", most=MAX_DOCUMENTS)),
    )
    fields.done()
    return item


def _document(fields: Fields) -> ParcelDocument:
    document = ParcelDocument(fields.text("name", limit=MAX_NAME_CHARS), fields.bytes32("payload"))
    fields.done()
    return document


def _envelope(fields: Fields, name: str) -> dict[str, Json]:
    value = fields.take(name)
    if not isinstance(value, dict):
        raise Malformed("field_type", "{field}: expected {want}", field=f"parcel.{name}", want="object")
    return value


def _exactly(name: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise Malformed("length", "{what}: expected {want} bytes, got {got}", what=name, want=length, got=len(value))
