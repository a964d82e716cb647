"""The grant: a holder's EIP-712 signature over one scenario, agency, scope and time (docs/spec/grant.md).

Cannot say whether a grant holds: that is ``protocol/verify_grant.py``, with facts from chain and vault. Here stand
the message, its bounds, its digest and the secret that ends it. The type strings are frozen with the contracts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import ClassVar, TypeVar

from protocol import forms
from protocol.account_envelope import AccountEnvelope
from protocol.eip712 import Domain, StructType, Typed
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed
from protocol.fields import MAX_TIME
from protocol.hashing import ZERO32, hmac256, keccak256
from protocol.pointers import MAX_POINTER_CHARS

MAX_SCOPE = 64  # items of one grant
MAX_CLAIMS = 128  # of one item
MAX_DOCUMENTS = 64  # of one item
MAX_PURPOSE_CHARS = 1000
MAX_USES = 1_000_000
ANY_OFFICER = ZERO32
NO_MANDATE = ZERO32

_POINTER = re.compile(forms.POINTER)
_QUERY = re.compile(r"[A-Za-z0-9_-]{1,64}")
Text = TypeVar("Text", str, bytes)
_KECCAK_EMPTY = keccak256(b"")
_FEW = 16  # claims of an item whose hash is remembered

SCOPE_ITEM = StructType(
    "ScopeItem(bytes32 item,string query,bytes32 parcel,string[] claims,bytes32[] documents)"
)


@dataclass(frozen=True, slots=True)
class ScopeItem(Typed):
    """One item that a grant opens: named claims and documents of it, for one query of the scenario."""

    TYPE: ClassVar[StructType] = SCOPE_ITEM

    item: bytes  # 32 bytes, the item's id
    query: str  # DCQL credential id in the scenario
    parcel: bytes  # SHA-256 of the age file that holds the disclosures
    claims: tuple[str, ...]  # RFC 6901 pointers, ascending, each once
    documents: tuple[bytes, ...]  # SHA-256 of payloads, ascending, each once

    def __post_init__(self) -> None:
        self.TYPE.check(self.values())
        _bound("scope.claims", len(self.claims), 0, MAX_CLAIMS)
        _bound("scope.documents", len(self.documents), 0, MAX_DOCUMENTS)
        _bound("scope.claims and documents", len(self.claims) + len(self.documents), 1, MAX_CLAIMS + MAX_DOCUMENTS)
        if not _QUERY.fullmatch(self.query):
            raise Malformed("grant_query", "scope.query is not a DCQL credential id")
        if any(len(c) > MAX_POINTER_CHARS or not _POINTER.fullmatch(c) for c in self.claims):
            raise Malformed("grant_claims", "scope.claims: expected JSON pointers (RFC 6901)")
        if not (_ascending(self.claims) and _ascending(self.documents)):
            raise Malformed("grant_order", "scope: claims and documents ascend, and each stands once")

    def struct_hash(self) -> bytes:
        # As the generic one, with the parts that recur from grant to grant remembered.
        documents = keccak256(b"".join(self.documents)) if self.documents else _KECCAK_EMPTY
        query, claims = _text_hash(self.query), _texts_hash(self.claims)
        return keccak256(SCOPE_ITEM.type_hash + self.item + query + self.parcel + claims + documents)


ACCESS_GRANT = StructType(
    "AccessGrant(bytes32 grantId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address grantor,bytes32 mandate,"
    "address agency,bytes32 agencyCard,bytes32 scenario,string purpose,bytes32 officerClass,ScopeItem[] scope,"
    "uint64 notBefore,uint64 notAfter,uint32 maxUses,uint32 minIntervalS,uint32 retentionDays,uint8 maxDepth,"
    "bytes32 nullifier)",
    ScopeItem,
)

# The nineteen members and the type hash before them, each padded to 32 bytes as hashStruct wants.
_PACK = Struct(">32s32s32s32s24xQ12x20s32s12x20s32s32s32s32s32s24xQ24xQ28xI28xI28xI31xB32s").pack


@dataclass(frozen=True, slots=True)
class AccessGrant(Typed):
    """One grant. Times in seconds since 1970; the grant holds while ``not_before ≤ now < not_after``."""

    TYPE: ClassVar[StructType] = ACCESS_GRANT

    grant_id: bytes  # 32 random bytes; also the nonce of the key binding
    log: bytes  # keccak256 of the log's origin string
    dossier: bytes
    grant_epoch: int
    grantor: bytes  # 20 bytes: the dossier's controller, or the agent of ``mandate``
    mandate: bytes  # EIP-712 digest of the mandate; 32 zero bytes when the controller grants
    agency: bytes  # 20 bytes: who may use it
    agency_card: bytes  # hash of the key card that parcels are sealed to
    scenario: bytes  # SHA-256 of the scenario's JWS
    purpose: str  # the scenario's purpose in the language that the holder read
    officer_class: bytes  # keccak256 of the class; 32 zero bytes for any officer
    scope: tuple[ScopeItem, ...]
    not_before: int
    not_after: int
    max_uses: int
    min_interval_s: int  # seconds between two uses
    retention_days: int
    max_depth: int  # 0: a grant is not passed on in this version
    nullifier: bytes  # keccak256 of the secret that ends it
    _hash: bytes = field(init=False, repr=False, compare=False)
    terms: str = field(init=False, repr=False, compare=False)  # what a scenario limits, in one text to be looked up

    def __post_init__(self) -> None:
        self.TYPE.check(self.values())
        _bound("scope", len(self.scope), 1, MAX_SCOPE)
        _bound("purpose", len(self.purpose), 1, MAX_PURPOSE_CHARS)
        _bound("notAfter", self.not_after, self.not_before + 1, MAX_TIME)
        _bound("maxUses", self.max_uses, 1, MAX_USES)
        _bound("maxDepth", self.max_depth, 0, 0)
        if len({(part.item, part.query) for part in self.scope}) != len(self.scope):
            raise Malformed("grant_order", "scope: the same item stands twice for one query")
        if ZERO32 in (self.grant_id, self.nullifier):
            raise Malformed("grant_id", "grantId and nullifier are never zero")
        # A grant is parsed once and verified for each use of it; what it says does not change between.
        object.__setattr__(self, "_hash", self.hash_members())
        asked = tuple((part.query, part.claims, not part.documents) for part in self.scope)
        limited = (self.max_uses, self.not_after - self.not_before, self.retention_days)
        object.__setattr__(self, "terms", repr((self.purpose, limited, asked)))

    def struct_hash(self) -> bytes:
        return self._hash

    def digest(self, domain: Domain) -> bytes:
        return keccak256(domain.prefix + self._hash)

    def hash_members(self) -> bytes:
        """hashStruct from the members: one pack, and as few hashes as there are (docs/spec/grant.md §4)."""
        parts = [part.struct_hash() for part in self.scope]
        return keccak256(
            _PACK(
                ACCESS_GRANT.type_hash,
                self.grant_id,
                self.log,
                self.dossier,
                self.grant_epoch,
                self.grantor,
                self.mandate,
                self.agency,
                self.agency_card,
                self.scenario,
                _text_hash(self.purpose),
                self.officer_class,
                keccak256(b"".join(parts)),
                self.not_before,
                self.not_after,
                self.max_uses,
                self.min_interval_s,
                self.retention_days,
                self.max_depth,
                self.nullifier,
            )
        )


@dataclass(frozen=True, slots=True)
class GrantEnvelope(AccountEnvelope[AccessGrant]):
    """A grant and its grantor's signature: ``{"v": 1, "grant": {…}, "signature": "0x…"}``."""

    MEMBER: ClassVar[str] = "grant"
    MESSAGE: ClassVar[type[Typed]] = AccessGrant

    @property
    def grant(self) -> AccessGrant:
        return self.message

    @property
    def id(self) -> str:
        """The grant's id as it stands in paths: base64url of 32 bytes."""
        return b64u(self.message.grant_id)


def revocation_secret(revoke_key: bytes, ident: bytes) -> bytes:
    """The secret whose publication ends the grant or mandate ``ident`` (its 32-byte id)."""
    return hmac256(revoke_key, b"onefile/revoke/v1", ident)


def nullifier_of(secret: bytes) -> bytes:
    """What stands in the signed message and, once the secret is out, on chain."""
    return keccak256(secret)


def officer_class_hash(name: str | None) -> bytes:
    """``officerClass`` of a class's name; ``None`` for any officer."""
    return ANY_OFFICER if name is None else keccak256(name.encode("utf-8"))


def check_officer(grant: AccessGrant, name: str) -> None:
    """Raise ``Denied("officer_class")`` unless an officer of the class ``name`` may use the grant."""
    if grant.officer_class not in (ANY_OFFICER, officer_class_hash(name)):
        raise Denied("officer_class", "the grant is for officers of another class")


def _bound(what: str, got: int, least: int, most: int) -> None:
    if not least <= got <= most:
        raise Malformed(
            "grant_bounds",
            "{what}: expected {least} to {most}, got {got}",
            what=what,
            least=least,
            most=most,
            got=got,
        )


def _ascending(values: tuple[Text, ...]) -> bool:
    # By code point, which for UTF-8 is also the order of the bytes.
    return list(values) == sorted(set(values))


@lru_cache(maxsize=4096)
def _text_hash(text: str) -> bytes:
    return keccak256(text.encode("utf-8"))


def _texts_hash(texts: tuple[str, ...]) -> bytes:
    # A long list does not recur, and remembering it would let whoever sends many fill the memory.
    return _few_hash(texts) if len(texts) <= _FEW else _many_hash(texts)


@lru_cache(maxsize=4096)
def _few_hash(texts: tuple[str, ...]) -> bytes:
    return keccak256(b"".join(map(_text_hash, texts)))


def _many_hash(texts: tuple[str, ...]) -> bytes:
    return keccak256(b"".join(keccak256(text.encode("utf-8")) for text in texts))
