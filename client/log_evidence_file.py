"""Evidence against a log, on disk: signed by this machine's tool key, one file for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from client.facts import AnchoredHead
from client.files import private_folder, write_private
from client.toolkey import tool_key
from protocol.encoding import b64u
from protocol.errors import OneFileError
from protocol.hashing import sha256
from protocol.log_evidence import MAX_ANCHORS, MAX_DETAIL, MAX_NOTES, AnchorSeen, LogEvidence, sign_log_evidence


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a log: its key by the chain, signed heads, and anchored heads."""

    origin: str
    vkey: str
    notes: Iterable[bytes]
    anchors: Iterable[AnchoredHead]


def keep_log_evidence(folder: Path, home: Path, error: OneFileError, seen: Seen, at: int) -> Path:
    """Write the evidence of ``error`` to ``folder``; the same thing seen twice is one file."""
    key = tool_key(home)
    notes = tuple(dict.fromkeys(seen.notes))[:MAX_NOTES]
    anchors = [AnchorSeen(head.size, head.root, head.block, head.time) for head in seen.anchors]
    evidence = LogEvidence(
        iat=at,
        code=error.code,
        detail=str(error)[:MAX_DETAIL],
        origin=seen.origin,
        vkey=seen.vkey,
        notes=notes,
        anchors=tuple(anchors[-MAX_ANCHORS:]),
        by=key.public_jwk(),
    )
    name = f"{error.code}-{b64u(sha256(*notes, str(error).encode()))[:16]}.jws"
    path = private_folder(folder) / name
    if not path.exists():
        write_private(path, sign_log_evidence(evidence, key).encode("ascii") + b"\n")
    return path
