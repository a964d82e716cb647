"""Golden bytes of ours: a sealed object that must open for ever, and keys that must never change."""

from __future__ import annotations

import json

import pytest

from protocol.encoding import unb64u
from protocol.envelope import open_bytes
from protocol.errors import Denied
from protocol.recipients import HybridIdentity
from tests.strangers import ROOT
from tests.vectors.keys import make as keys

OBJECT = json.loads((ROOT / "tests" / "vectors" / "age" / "sealed_object.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("reader", ["holder", "bank"])
def test_the_golden_object_opens_for_each_of_its_readers(reader: str) -> None:
    identity = HybridIdentity.parse(OBJECT[reader]["identity"])
    payload = unb64u(OBJECT["payload"])
    digest = unb64u(OBJECT["payload_sha256"])
    opened = open_bytes(unb64u(OBJECT[reader]["header"]), payload, [identity], payload_sha256=digest)
    assert opened.decode() == OBJECT["plaintext"]


def test_the_golden_object_opens_for_nobody_with_the_others_header() -> None:
    identity = HybridIdentity.parse(OBJECT["bank"]["identity"])
    with pytest.raises(Denied):
        open_bytes(unb64u(OBJECT["holder"]["header"]), unb64u(OBJECT["payload"]), [identity])


def test_the_golden_keys_are_derived_as_they_always_were() -> None:
    assert keys.vectors() == json.loads(keys.FILE.read_text(encoding="utf-8"))
