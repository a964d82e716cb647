"""The hybrid recipient is X-Wing under HPKE: npm's @hpke/hybridkem-x-wing derives our keys, opens our wraps, makes them.

``age-encryption`` reads whole files; here the stanza's inside meets a library that knows HPKE and nothing of age.
"""

from __future__ import annotations

from typing import Any

import pytest

from protocol.age_format import HYBRID_ENC_BYTES, HYBRID_TAG, Stanza, raw_b64, raw_unb64
from protocol.keys import Root, derive_sealing
from protocol.recipients import HybridIdentity
from protocol.stream import FileKey
from tests.interop.programs import node_json

FILE_KEY = FileKey(b"YELLOW SUBMARINE")
HOLDER = derive_sealing(Root(bytes(range(32))), 1)  # as a wallet derives it
READERS = [HOLDER, derive_sealing(Root(bytes(range(32))), 2), HybridIdentity(b"b" * 32)]


def wrapped(reader: HybridIdentity) -> dict[str, str]:
    stanza = reader.recipient().wrap(FILE_KEY)
    enc = raw_unb64(stanza.args[0], length=HYBRID_ENC_BYTES, what="enc")
    return {"seed": reader.unsafe_bytes.hex(), "enc": enc.hex(), "body": stanza.body.hex()}


def flipped(text: str, at: int) -> str:
    raw = bytearray.fromhex(text)
    raw[at] ^= 1
    return raw.hex()


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    good = wrapped(HOLDER)
    bad = [
        {**good, "seed": READERS[1].unsafe_bytes.hex()},
        {**good, "enc": flipped(good["enc"], 100)},  # the ML-KEM half
        {**good, "enc": flipped(good["enc"], -1)},  # the X25519 half
        {**good, "body": flipped(good["body"], 3)},
    ]
    job = {
        "seeds": [reader.unsafe_bytes.hex() for reader in READERS],
        "stanzas": [*map(wrapped, READERS), *bad],
        "keys": [
            {"public": reader.recipient().public.hex(), "fileKey": FILE_KEY.unsafe_bytes.hex()} for reader in READERS
        ],
    }
    answer: dict[str, Any] = node_json("xwing.mjs", job, package="@hpke/hybridkem-x-wing")
    return answer


def test_x_wing_stretches_our_seed_into_our_public_key(theirs: dict[str, Any]) -> None:
    assert theirs["publics"] == [reader.recipient().public.hex() for reader in READERS]


def test_x_wing_opens_what_we_wrap_and_nothing_that_was_changed(theirs: dict[str, Any]) -> None:
    count = len(READERS)
    assert theirs["opened"][:count] == [FILE_KEY.unsafe_bytes.hex()] * count
    assert theirs["opened"][count:] == ["refused: OpenError"] * 4


def test_we_unwrap_what_x_wing_wraps(theirs: dict[str, Any]) -> None:
    for reader, sealed in zip(READERS, theirs["sealed"], strict=True):
        stanza = Stanza(HYBRID_TAG, (raw_b64(bytes.fromhex(sealed["enc"])),), bytes.fromhex(sealed["body"]))
        assert reader.unwrap((stanza,)) == FILE_KEY
