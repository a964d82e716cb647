"""The published proof vectors of transparency-dev/merkle, accepted and rejected."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import Malformed, Untrusted
from protocol.merkle import verify_consistency, verify_inclusion
from tests.strangers import SHARED, shared_vectors

VECTORS = shared_vectors("merkle")


def unb64(text: str) -> bytes:
    return base64.b64decode(text)


def check(v: dict[str, Any]) -> None:
    proof = [unb64(h) for h in v["proof"] or []]
    if "leafIdx" in v:
        verify_inclusion(unb64(v["leafHash"]), v["leafIdx"], v["treeSize"], proof, unb64(v["root"]))
    else:
        verify_consistency(v["size1"], v["size2"], unb64(v["root1"]), unb64(v["root2"]), proof)


@pytest.mark.skipif(not VECTORS, reason="../shared/vectors/merkle is not present")
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: str(path.relative_to(SHARED / "vectors")))
def test_a_published_proof_is_accepted_or_rejected_as_it_says(path: Path) -> None:
    vector = json.loads(path.read_text())
    if vector["wantErr"]:
        with pytest.raises((Malformed, Untrusted)):
            check(vector)
    else:
        assert check(vector) is None


@pytest.mark.skipif(not VECTORS, reason="../shared/vectors/merkle is not present")
def test_the_vectors_hold_both_kinds_and_both_verdicts() -> None:
    kinds = {("leafIdx" in v, v["wantErr"]) for v in (json.loads(path.read_text()) for path in VECTORS)}
    assert len(kinds) == 4
