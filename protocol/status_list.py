"""Token Status List (IETF, JWT form), two bits a credential: the token, and the list that its issuer keeps.

A list belongs to one issuer and mixes all its types; an index is drawn at random, so that neither list
nor index tells the type or the order of issue. ``sub`` must equal the uri in the credential, else one
issuer's clean list would serve for another's (a library that we met does not check this). A list that
cannot be fetched, or is too old, makes a status unknown, never bad: that is the verifier's policy, in
``protocol/verify.py``. Left out: CWT form, other widths, aggregation.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Conflict, Malformed, Unavailable, Untrusted
from protocol.fields import Fields, text_of
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.signed import Signed

STATUS_TYP = "statuslist+jwt"
BITS = 2
MIN_ENTRIES = 2**17
MAX_ENTRIES = 2**19
MAX_LIFETIME_S = 86_400
DEFAULT_TTL_S = 900
MAX_TOKEN_CHARS = 256 << 10
STATUS_SKEW_S = 120

VALID, INVALID, SUSPENDED, CORRECTING = range(4)
STATUS_NAMES = ("valid", "invalid", "suspended", "correcting")


@dataclass(frozen=True, slots=True)
class StatusToken:
    """One signed state of a list: ``lst`` is the unpacked bit array, four statuses a byte, low bits first."""

    iss: str
    sub: str
    iat: int
    exp: int
    ttl: int
    lst: bytes

    @property
    def entries(self) -> int:
        return len(self.lst) * 4

    def status(self, idx: int) -> int:
        """``VALID``, ``INVALID``, ``SUSPENDED`` or ``CORRECTING``; ``Untrusted`` if the list is too short."""
        if not 0 <= idx < self.entries:
            raise Untrusted(
                "status_index", "the list has {entries} entries, asked for {idx}", entries=self.entries, idx=idx
            )
        return _get(self.lst, idx)

    def to_json(self) -> dict[str, Json]:
        return {
            "iss": self.iss,
            "sub": self.sub,
            "iat": self.iat,
            "exp": self.exp,
            "ttl": self.ttl,
            "status_list": {"bits": BITS, "lst": b64u(zlib.compress(self.lst, 9))},
        }


class StatusList:
    """An issuer's own list: sets statuses and hands out unused indices. Not safe for two writers."""

    __slots__ = ("_lst", "_used")

    def __init__(self, lst: bytes, used: bytes) -> None:
        """``lst`` two bits an entry, ``used`` one bit an entry."""
        _check_size(len(lst))
        if len(used) * 2 != len(lst):
            raise Malformed("status_list_state", "the marks of used indices do not fit the list")
        self._lst = bytearray(lst)
        self._used = bytearray(used)

    @classmethod
    def empty(cls, entries: int = MIN_ENTRIES) -> StatusList:
        """A list of ``entries`` valid statuses, none used; a multiple of 8."""
        if entries % 8:
            raise Malformed("status_list_size", "a status list has a multiple of 8 entries")
        return cls(bytes(entries // 4), bytes(entries // 8))

    @property
    def entries(self) -> int:
        return len(self._lst) * 4

    @property
    def used_count(self) -> int:
        """How many indices have been handed out."""
        return int.from_bytes(self._used, "big").bit_count()

    def state(self) -> tuple[bytes, bytes]:
        """What ``StatusList(lst, used)`` takes: for the issuer's own disk."""
        return bytes(self._lst), bytes(self._used)

    def get(self, idx: int) -> int:
        """The status at ``idx``."""
        self._check(idx)
        return _get(self._lst, idx)

    def set(self, idx: int, status: int) -> None:
        """Set one of the four statuses; the index must have been handed out."""
        self._check(idx)
        if not 0 <= status < len(STATUS_NAMES):
            raise Malformed("status_value", "a status is a number from 0 to 3")
        if not self._used[idx // 8] >> idx % 8 & 1:
            raise Conflict("status_index_unused", "no credential has index {idx}", idx=idx)
        shift = idx % 4 * BITS
        self._lst[idx // 4] = self._lst[idx // 4] & ~(3 << shift) | status << shift

    def allocate(self, randbelow: Callable[[int], int] = secrets.randbelow) -> int:
        """A random unused index, marked used. ``Conflict("status_list_full")`` at half: open another list.

        Half, since the draw is repeated until it meets a free index, and since in a full list an index
        would tell when its credential was issued.
        """
        if self.used_count * 2 >= self.entries:
            raise Conflict("status_list_full", "the list has handed out {used} indices", used=self.used_count)
        while True:
            idx = randbelow(self.entries)
            if not self._used[idx // 8] >> idx % 8 & 1:
                self._used[idx // 8] |= 1 << idx % 8
                return idx

    def token(self, *, iss: str, uri: str, iat: int, lifetime_s: int, ttl: int = DEFAULT_TTL_S) -> StatusToken:
        """The present state, to be signed; it lives ``lifetime_s`` ≤ 86,400 seconds."""
        return StatusToken(iss=iss, sub=uri, iat=iat, exp=iat + lifetime_s, ttl=ttl, lst=bytes(self._lst))

    def _check(self, idx: int) -> None:
        if not 0 <= idx < self.entries:
            raise Malformed(
                "status_index", "the list has {entries} entries, asked for {idx}", entries=self.entries, idx=idx
            )


def status_uri(account: bytes, n: int) -> str:
    """``urn:onefile:status:<account>:<n>``: the ``n``-th list of an issuer (20 bytes of account)."""
    if len(account) != 20:
        raise Malformed("length", "{what}: expected {want} bytes", what="account", want=20)
    return f"urn:onefile:status:{hex0x(account)}:{n}"


def parse_status_uri(uri: str) -> tuple[bytes, int]:
    """Account (20 bytes) and number in a status uri."""
    *_, account, n = text_of(uri, "status uri", pattern=forms.STATUS_URI).split(":")
    return bytes.fromhex(account[2:]), int(n)


def sign_status_token(token: StatusToken, signer: EcSigner) -> str:
    """The token as JWS; refuses to sign what ``parse_status_token`` would refuse to read."""
    raw = sign_typed(STATUS_TYP, token.to_json(), signer)
    parse_status_token(raw)
    return raw


def parse_status_token(raw: str | bytes) -> Signed[StatusToken]:
    """Parse strictly and unpack within bounds; nothing is verified. Raises ``Malformed`` only."""
    jws = parse_jws(raw, typ=STATUS_TYP, limit=MAX_TOKEN_CHARS)
    fields = Fields(jws.claims(), "status token")
    token = StatusToken(
        iss=fields.text("iss", pattern=forms.AGENCY_URN),
        sub=fields.text("sub", pattern=forms.STATUS_URI),
        iat=fields.time("iat"),
        exp=fields.time("exp"),
        ttl=fields.uint("ttl", most=MAX_LIFETIME_S, least=1),
        lst=_list(fields.object("status_list")),
    )
    fields.done()
    if not token.iat < token.exp <= token.iat + MAX_LIFETIME_S:
        raise Malformed("status_lifetime", "a status token lives at most {most} seconds", most=MAX_LIFETIME_S)
    if token.iss.rpartition(":")[2] != token.sub.split(":")[3]:
        raise Malformed("status_issuer", "a status list is named after the account that issues it")
    return Signed(token, jws)


def verify_status_token(raw: str | bytes, key: PublicJwk, *, uri: str, now: int) -> Signed[StatusToken]:
    """The token of the list ``uri`` if ``key`` signed it and it lives at ``now``.

    Raises ``Untrusted`` (signature, another list), or ``Unavailable("status_stale")``: an old token says
    nothing about now, and a newer one may be had later.
    """
    signed = parse_status_token(raw).verified_by(key)
    token = signed.body
    if token.sub != uri:
        raise Untrusted("status_uri", "the status list is {got}, expected {want}", got=token.sub, want=uri)
    if not token.iat - STATUS_SKEW_S <= now < token.exp:
        raise Unavailable(
            "status_stale",
            "the status list holds from {iat} to {exp}; the clock says {now}",
            iat=token.iat,
            exp=token.exp,
            now=now,
        )
    return signed


def _list(fields: Fields) -> bytes:
    if fields.uint("bits") != BITS:
        raise Malformed("status_bits", "expected a status list of {want} bits", want=BITS)
    packed = unb64u(fields.take("lst"), what="status token.status_list.lst")
    fields.done()
    return _unpack(packed)


def _unpack(packed: bytes) -> bytes:
    """Bounded: never more than one byte beyond the greatest list, whatever the input promises."""
    unpacker = zlib.decompressobj()
    try:
        lst = unpacker.decompress(packed, MAX_ENTRIES // 4 + 1)
    except zlib.error:
        raise Malformed("status_zlib", "the status list is not zlib data") from None
    _check_size(len(lst))
    if not unpacker.eof or unpacker.unused_data:
        raise Malformed("status_zlib", "the status list's zlib data is cut off or goes on")
    return lst


def _check_size(size: int) -> None:
    if not MIN_ENTRIES // 4 <= size <= MAX_ENTRIES // 4:
        raise Malformed(
            "status_list_size",
            "expected {least} to {most} bytes of statuses, got {got}",
            least=MIN_ENTRIES // 4,
            most=MAX_ENTRIES // 4,
            got=size,
        )


def _get(lst: bytes | bytearray, idx: int) -> int:
    return lst[idx // 4] >> idx % 4 * BITS & 3
