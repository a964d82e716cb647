"""Our reading of keys, key rings and sealed objects (docs/spec/keys.md, sealed-object.md)."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u, hex0x, unb64u
from protocol.envelope import open_bytes
from protocol.keyring import open_ring
from protocol.keys import (
    Root,
    cold_account,
    derive_present,
    derive_revoke_key,
    derive_sealing,
    derive_tag_key,
    hot_account,
    person_root,
)
from protocol.recipients import parse_identity
from tests.vectors.book import Input, octets, unoctets


def keys(given: Input) -> Any:
    """Everything that follows from a phrase, or from a root, at one card sequence."""
    if "root" in given:
        return _of_root(Root(unb64u(given["root"])), given["seq"])
    person = (given["phrase"], given["language"], given["index"])
    accounts = {"hot": hex0x(hot_account(*person).address), "cold": hex0x(cold_account(*person).address)}
    return {**accounts, **_of_root(person_root(*person), given["seq"])}


def _of_root(root: Root, seq: int) -> dict[str, str]:
    present, sealing = derive_present(root, seq), derive_sealing(root, seq)
    return {
        "root": b64u(root.unsafe_bytes),
        "present": b64u(present.unsafe_bytes),
        "present_thumbprint": b64u(present.thumbprint()),
        "sealing": sealing.unsafe_text(),
        "sealing_key_hash": b64u(sealing.recipient().sealing_key_hash()),
        "tag": b64u(derive_tag_key(root).unsafe_bytes),
        "revoke": b64u(derive_revoke_key(root).unsafe_bytes),
    }


def key_ring(given: Input) -> Any:
    ring = open_ring(unoctets(given["file"]), [parse_identity(given["identity"])])
    return {
        "dossier": hex0x(ring.dossier),
        "roots": [[entry.seq, b64u(entry.root.unsafe_bytes)] for entry in ring.roots],
        "tag": b64u(ring.tag_key.unsafe_bytes),
        "revoke": b64u(ring.revoke_key.unsafe_bytes),
    }


def sealed_object(given: Input) -> Any:
    digest = None if given["payload_sha256"] is None else unb64u(given["payload_sha256"], length=32)
    header, payload = unoctets(given["header"]), unb64u(given["payload"])
    return octets(open_bytes(header, payload, [parse_identity(given["identity"])], payload_sha256=digest))
