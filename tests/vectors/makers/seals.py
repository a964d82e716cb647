"""Age files that are the same each time they are made: fixed file keys and nonces, and stanzas made once.

An ML-KEM stanza can't be made from a chosen random number here, so the stanzas are kept in
``tests/vectors/age/stanzas.json``. ``python -m tests.vectors.makers.seals`` adds the ones that ``NEEDED`` names and
the file lacks; it never changes one.
"""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol import age_format
from protocol.age_format import Header, Stanza, raw_b64
from protocol.encoding import b64u, unb64u
from protocol.envelope import _mac
from protocol.recipients import HybridIdentity, X25519Identity, _x25519_cipher
from protocol.stream import FileKey, _chunk_nonce, _payload_cipher

FOLDER = Path(__file__).parents[1] / "age"
STANZAS = FOLDER / "stanzas.json"
HOLDER, BANK, OFFICER = HybridIdentity(b"h" * 32), HybridIdentity(b"b" * 32), HybridIdentity(b"o" * 32)
FILE_KEY, OTHER_KEY = FileKey(b"a file key of 16"), FileKey(b"another file key")
NEEDED = [
    (HOLDER, FILE_KEY),
    (HOLDER, OTHER_KEY),
    (BANK, FILE_KEY),
    (BANK, OTHER_KEY),
    (OFFICER, FILE_KEY),
]
NONCE = b"nonce of payload"


def stanza(identity: HybridIdentity, file_key: FileKey) -> Stanza:
    """The kept stanza that carries ``file_key`` to ``identity``."""
    name = _name(identity, file_key)
    found = json.loads(STANZAS.read_text(encoding="utf-8"))[name]
    return Stanza(age_format.HYBRID_TAG, (found["share"],), unb64u(found["body"]))


def x25519_stanza(identity: X25519Identity, file_key: FileKey, ephemeral: bytes) -> Stanza:
    """A classic stanza from a chosen ephemeral key."""
    key, public = X25519PrivateKey.from_private_bytes(ephemeral), identity.recipient().public
    share = key.public_key().public_bytes_raw()
    body = _x25519_cipher(key, public, salt=share + public).encrypt(bytes(12), file_key.unsafe_bytes, None)
    return Stanza(age_format.X25519_TAG, (raw_b64(share),), body)


def header(file_key: FileKey, *stanzas: Stanza) -> bytes:
    """The header of these stanzas."""
    return Header(stanzas, _mac(file_key, age_format.signed_bytes(stanzas))).serialise()


def signed_header(file_key: FileKey, signed: bytes) -> bytes:
    """A header whose lines, up to and including ``---``, are ``signed``, whatever they are."""
    return signed + b" " + raw_b64(_mac(file_key, signed)).encode() + b"\n"


def payload(file_key: FileKey, plaintext: bytes, *, last: bool = True) -> bytes:
    """A payload of one chunk; ``last`` is what its writer calls it."""
    return NONCE + _payload_cipher(file_key, NONCE).encrypt(_chunk_nonce(0, last), plaintext, None)


def sealed(identity: HybridIdentity, plaintext: bytes, file_key: FileKey = FILE_KEY) -> bytes:
    """A whole file for one reader."""
    return header(file_key, stanza(identity, file_key)) + payload(file_key, plaintext)


def _name(identity: HybridIdentity, file_key: FileKey) -> str:
    return f"{b64u(identity.unsafe_bytes)} {b64u(file_key.unsafe_bytes)}"


def main() -> None:
    """Add what is missing."""
    kept = json.loads(STANZAS.read_text(encoding="utf-8")) if STANZAS.exists() else {}
    for identity, file_key in NEEDED:
        if _name(identity, file_key) not in kept:
            made = identity.recipient().wrap(file_key)
            kept[_name(identity, file_key)] = {"share": made.args[0], "body": b64u(made.body)}
    STANZAS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
