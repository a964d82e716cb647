"""Evidence against a log: what no watcher signs. What it proves is in ``tests/vectors``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.errors import Malformed
from protocol.log_evidence import MAX_NOTE, parse_log_evidence, sign_log_evidence
from tests.credential_samples import HOLDER
from tests.vectors.makers.evidence import EVIDENCE


def test_a_note_has_its_bound_and_longer_evidence_is_not_signed() -> None:
    longest = replace(EVIDENCE, notes=(bytes(MAX_NOTE),))
    assert parse_log_evidence(sign_log_evidence(longest, HOLDER)).body == longest
    with pytest.raises(Malformed) as caught:
        sign_log_evidence(replace(EVIDENCE, notes=(bytes(MAX_NOTE + 1),)), HOLDER)
    assert (caught.value.code, caught.value.facts["got"]) == ("too_large", MAX_NOTE + 1)
