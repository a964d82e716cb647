"""Receipts on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agency_cli.services.uses import Use, Uses
from protocol.errors import Malformed
from protocol.jose import P256Signer
from protocol.receipts import Officer, Receipt, parse_receipt, sign_receipt

KEY = P256Signer.from_secret(b"\x01" * 32)
NOW = 1_800_000_000


def a_use(number: int = 0, **changes: object) -> Use:
    receipt = Receipt(
        jti="A" * 20 + "ABCDEFGHIJ"[number] + "A",
        iat=NOW + number,
        iss="urn:onefile:agency:1:0x" + "11" * 20 + ":0x" + "22" * 20,
        aud="onefile/1/0x" + "33" * 20 + "/main",
        grant=None,
        show=bytes(16),
        scenario=bytes(32),
        officer=Officer("clerk", "1"),
        items=(),
        retain_until=NOW + 100,
        nonce=bytes(16),
        card=bytes(32),
    )
    return Use(parse_receipt(sign_receipt(receipt, KEY)), **changes)  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    uses, use = Uses(tmp_path), a_use().done(tmp_path, 2, NOW)
    uses.save(use)

    assert list(Uses(tmp_path)) == [use]


def test_the_newest_use_comes_first(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    for number in (1, 3, 2):
        uses.save(a_use(number))

    assert [use.receipt.body.iat - NOW for use in uses] == [3, 2, 1]


def test_nobody_else_can_read_the_receipts(tmp_path: Path) -> None:
    Uses(tmp_path).save(a_use())

    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "uses").iterdir()} == {0o600}


def test_a_dropped_receipt_is_gone_and_dropping_it_again_is_harmless(tmp_path: Path) -> None:
    uses, use = Uses(tmp_path), a_use()
    uses.save(use)
    uses.drop(use)
    uses.drop(use)

    assert list(uses) == []


def test_a_show_is_nobodys_pending_grant(tmp_path: Path) -> None:
    Uses(tmp_path).save(a_use())

    assert Uses(tmp_path).pending(bytes(32)) is None


def test_a_folder_is_due_only_while_it_is_there(tmp_path: Path) -> None:
    use = a_use(out=tmp_path / "gone")
    kept = a_use(out=tmp_path)

    assert not use.due(NOW + 1000)
    assert kept.due(NOW + 101)
    assert not kept.due(NOW + 100)


@pytest.mark.parametrize("changes", [{"state": "half"}, {"v": 2}, {"receipt": "x"}, {"more": 1}])
def test_a_garbled_record_is_malformed(tmp_path: Path, changes: dict[str, object]) -> None:
    uses = Uses(tmp_path)
    uses.save(a_use())
    (path,) = (tmp_path / "uses").iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    with pytest.raises(Malformed):
        list(uses)
