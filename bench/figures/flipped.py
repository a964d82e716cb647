"""The figure ``flipped-ciphertexts``: nothing of very many damaged sealed objects is opened.

Sealed objects of one, two and three chunks, and parcels, sealed to the real (hybrid) keys of a reader; opened as wallet
and agency open them. What is put together from whole parts of two objects that the
same reader may open is not for age to notice: there the digest from the signed statement is given, as they give it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bench.figures.figure import Tally
from protocol.envelope import Sealed, open_bytes, open_joined, seal_bytes
from protocol.errors import OneFileError
from protocol.hashing import sha256
from protocol.recipients import HybridIdentity
from protocol.stream import NONCE_BYTES, SEALED_CHUNK_BYTES

CONTROL_EVERY = 50
SIZES = (0, 1, 300, 2_000, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 150_000)
OpenFile = Callable[[bytes, list[HybridIdentity]], bytes]
Open = Callable[[bytes, bytes, list[HybridIdentity], bytes | None], bytes]


@dataclass(frozen=True, slots=True)
class Object:
    """A sealed object: what it is, and what is in it."""

    header: bytes
    payload: bytes
    plaintext: bytes

    @classmethod
    def of(cls, plaintext: bytes, reader: HybridIdentity) -> Object:
        sealed: Sealed = seal_bytes(plaintext, [reader.recipient()])
        return cls(sealed.header, sealed.payload, plaintext)


@dataclass(frozen=True, slots=True)
class Damaged:
    """Header and payload as somebody hands them over, and the digest that a signed statement names, if any."""

    header: bytes
    payload: bytes
    digest: bytes | None = None


Damage = Callable[[Random, Object, Object], Damaged | None]


def flip(draw: Random, raw: bytes) -> bytes:
    bit = draw.randrange(8 * len(raw))
    out = bytearray(raw)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def _cut(draw: Random, raw: bytes) -> bytes:
    return raw[: draw.randrange(len(raw))]


def _grown(draw: Random, raw: bytes) -> bytes:
    at = draw.randrange(len(raw) + 1)
    return raw[:at] + draw.randbytes(draw.randint(1, 40)) + raw[at:]


def _chunks(payload: bytes) -> list[bytes]:
    body = payload[NONCE_BYTES:]
    return [body[at : at + SEALED_CHUNK_BYTES] for at in range(0, len(body), SEALED_CHUNK_BYTES)]


def _payload_cut_between(draw: Random, one: Object, _two: Object) -> Damaged | None:
    """Cut where a chunk ends: what is left is authentic, chunk by chunk."""
    chunks = _chunks(one.payload)
    kept = draw.randrange(len(chunks))
    return Damaged(one.header, one.payload[:NONCE_BYTES] + b"".join(chunks[:kept]))


def _chunks_swapped(draw: Random, one: Object, _two: Object) -> Damaged | None:
    chunks = _chunks(one.payload)
    if len(chunks) < 2:
        return None
    first, second = draw.sample(range(len(chunks)), 2)
    chunks[first], chunks[second] = chunks[second], chunks[first]
    return Damaged(one.header, one.payload[:NONCE_BYTES] + b"".join(chunks))


def _chunk_left_out(draw: Random, one: Object, _two: Object) -> Damaged | None:
    chunks = _chunks(one.payload)
    if len(chunks) < 2:
        return None
    del chunks[draw.randrange(len(chunks))]
    return Damaged(one.header, one.payload[:NONCE_BYTES] + b"".join(chunks))


def _chunk_of_another(draw: Random, one: Object, two: Object) -> Damaged | None:
    chunks, others = _chunks(one.payload), _chunks(two.payload)
    at = draw.randrange(min(len(chunks), len(others)))
    chunks[at] = others[at]
    return Damaged(one.header, one.payload[:NONCE_BYTES] + b"".join(chunks))


def _nonce_of_another(_draw: Random, one: Object, two: Object) -> Damaged | None:
    return Damaged(one.header, two.payload[:NONCE_BYTES] + one.payload[NONCE_BYTES:])


def _stanza_of_another(_draw: Random, one: Object, two: Object) -> Damaged | None:
    """The other's wrapped key under this one's authentication, and the payload of either."""
    body, mac = two.header.rsplit(b"\n--- ", 1)[0], one.header.rsplit(b"\n--- ", 1)[1]
    return Damaged(body + b"\n--- " + mac, one.payload)


WAYS: dict[str, Damage] = {
    "header, a bit": lambda draw, one, _: Damaged(flip(draw, one.header), one.payload),
    "header, cut": lambda draw, one, _: Damaged(_cut(draw, one.header), one.payload),
    "header, grown": lambda draw, one, _: Damaged(_grown(draw, one.header), one.payload),
    "header of another object": lambda _, one, two: Damaged(two.header, one.payload),
    "header, stanza of another": _stanza_of_another,
    "payload, a bit": lambda draw, one, _: Damaged(one.header, flip(draw, one.payload)),
    "payload, cut": lambda draw, one, _: Damaged(one.header, _cut(draw, one.payload)),
    "payload, cut between chunks": _payload_cut_between,
    "payload, grown": lambda draw, one, _: Damaged(one.header, _grown(draw, one.payload)),
    "payload, chunks swapped": _chunks_swapped,
    "payload, a chunk left out": _chunk_left_out,
    "payload, a chunk of another": _chunk_of_another,
    "payload, the nonce of another": _nonce_of_another,
    "another object whole": lambda _, one, two: Damaged(two.header, two.payload, sha256(one.payload)),
}


def opened(header: bytes, payload: bytes, readers: list[HybridIdentity], digest: bytes | None) -> bytes:
    """As wallet and agency open: apart, with the digest that was signed if there is one."""
    return open_bytes(header, payload, readers, payload_sha256=digest)


class Flipped:
    """``open_`` opens, ``open_file`` a parcel, which is one file. Others than the real are for tests of this figure."""

    def __init__(self, open_: Open = opened, open_file: OpenFile = open_joined) -> None:
        self._open = open_
        self._open_file = open_file

    def batch(self, draw: Random, size: int) -> Tally:
        tally = Tally()
        reader = HybridIdentity(draw.randbytes(32))
        objects = [Object.of(draw.randbytes(length), reader) for length in SIZES]
        parcels = [Object.of(b'{"v":1,"items":[' + draw.randbytes(1_500), reader) for _ in range(4)]
        for number in range(size):
            if number % CONTROL_EVERY == 0:
                self._whole(draw.choice(objects + parcels), reader, tally)
            if number % 4 == 3:
                self._parcel(draw, parcels, reader, tally)
            else:
                self._object(draw, objects, reader, tally)
        return tally

    def end(self) -> Tally:
        return Tally()

    def close(self) -> None:
        """Nothing to clear away."""

    def _whole(self, one: Object, reader: HybridIdentity, tally: Tally) -> None:
        found, _ = self._answer(lambda: self._open(one.header, one.payload, [reader], sha256(one.payload)))
        tally.control(found == one.plaintext, "an untouched object was not opened")
        found, _ = self._answer(lambda: self._open_file(one.header + one.payload, [reader]))
        tally.control(found == one.plaintext, "an untouched parcel was not opened")

    def _object(self, draw: Random, objects: list[Object], reader: HybridIdentity, tally: Tally) -> None:
        one, two = draw.sample(objects, 2)
        name = draw.choice(tuple(WAYS))
        made = WAYS[name](draw, one, two)
        while made is None or (made.header, made.payload) == (one.header, one.payload):
            one, two = draw.sample(objects, 2)
            made = WAYS[name](draw, one, two)
        found = made
        self._told(name, lambda: self._open(found.header, found.payload, [reader], found.digest), tally)

    def _parcel(self, draw: Random, parcels: list[Object], reader: HybridIdentity, tally: Tally) -> None:
        one, two = draw.sample(parcels, 2)
        whole = one.header + one.payload
        name, made = draw.choice(
            [
                ("parcel, a bit", flip(draw, whole)),
                ("parcel, cut", _cut(draw, whole)),
                ("parcel, grown", _grown(draw, whole)),
                ("parcel, two halves", one.header + two.payload),
            ]
        )
        self._told(name, lambda: self._open_file(made, [reader]), tally)

    def _told(self, name: str, open_it: Callable[[], bytes], tally: Tally) -> None:
        found, code = self._answer(open_it)
        if found is not None:
            tally.broke(f"opened: {name}")
        elif not code:
            tally.broke(f"a strange error: {name}")
        else:
            tally.held(f"{name}: {code}")

    @staticmethod
    def _answer(open_it: Callable[[], bytes]) -> tuple[bytes | None, str]:
        """What was opened; or None and the code of the refusal, empty for an error that is none of ours."""
        try:
            return open_it(), ""
        except OneFileError as error:
            return None, error.code
        except Exception:  # noqa: BLE001 (whatever else comes out is a fault that the figure must tell)
            return None, ""


def open_work() -> Flipped:
    return Flipped()
