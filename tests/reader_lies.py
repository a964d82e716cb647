"""Lies that several attacks on a reader tell, and what must come of each: a refusal by name, and nothing kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from protocol.errors import OneFileError
from protocol.hashing import sha256
from protocol.jose import P256Signer
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import TlogProof
from tests.reader_stage import Given, ReaderStage

THIEF = P256Signer.from_secret(bytes(31) + b"\x66")
Attack = Callable[[ReaderStage], Given]


def refused(reader: ReaderStage, attack: Attack) -> str:
    """The code of the refusal; nothing may have been kept."""
    given = attack(reader)
    with pytest.raises(OneFileError) as caught:
        reader.release(given)
    assert not reader.out.exists()
    assert not list(reader.out.parent.glob(".out*"))
    assert all(use.state == "pending" for use in reader.uses())
    return caught.value.code


def forged_hash(body: dict[str, Any]) -> dict[str, Any]:
    proof = TlogProof.parse(body["proof"].encode())
    hashes = (sha256(proof.hashes[0]), *proof.hashes[1:])
    return {"proof": replace(proof, hashes=hashes).serialise().decode()}


def foreign_checkpoint(body: dict[str, Any]) -> dict[str, Any]:
    """The same tree, signed by somebody who calls himself by the log's name."""
    proof = TlogProof.parse(body["proof"].encode())
    lines = proof.checkpoint.decode().split("\n")
    signer = Ed25519NoteSigner(lines[0], bytes(32))
    head = Checkpoint.parse_text("\n".join(lines[:3]) + "\n")
    return {"proof": replace(proof, checkpoint=sign_checkpoint(head, signer)).serialise().decode()}
