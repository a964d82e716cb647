"""Our reading of what somebody who watches a log hands on (docs/spec/audit.md §7)."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u
from protocol.log_evidence import verify_log_evidence
from tests.vectors.book import Input


def log_evidence(given: Input) -> Any:
    found, proven = verify_log_evidence(given["raw"])
    size = -1 if proven.size is None else proven.size
    return {"sha256": b64u(found.hash), "code": found.body.code, "proof": proven.proof, "size": size}
