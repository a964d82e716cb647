"""The deployment record: what is written comes back, anything else is Malformed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.deployment import MAX_BYTES, Contracts, Deployment
from chain.files import read_deployment, write_atomically, write_deployment
from protocol.errors import Malformed, Unavailable

CONTRACTS = Contracts(*(bytes([number]) * 20 for number in range(1, 5)))
BARE = Deployment(31337, CONTRACTS, 7, bytes(32))


@pytest.mark.parametrize("deployment", [BARE, BARE.with_log("onefile/31337/0x04/main", "key")])
def test_a_record_comes_back(deployment: Deployment) -> None:
    assert Deployment.parse(deployment.serialise()) == deployment


def changed(**changes: Any) -> bytes:
    value = json.loads(BARE.serialise()) | changes
    return json.dumps({k: v for k, v in value.items() if v is not ...}).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        changed(v=2),
        changed(v=...),
        changed(extra=1),
        changed(contracts={}),
        changed(chain_id="31337"),
        changed(chain_id=True),
        changed(chain_id=-1),
        changed(deploy_block=1.5),
        changed(deploy_block=None),
        changed(deploy_block_hash="0x12"),
        changed(log=None),
        changed(log={"origin": "o"}),
        changed(log={"origin": "o", "vkey": ""}),
        changed(log={"origin": 1, "vkey": "v"}),
        changed(log={"origin": "o", "vkey": "v", "more": 1}),
        b" " * (MAX_BYTES + 1),
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_anything_else_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        Deployment.parse(raw)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        Deployment.parse(raw)


def test_a_written_record_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deployment.json"
    write_deployment(path, BARE)
    assert read_deployment(path) == BARE
    assert path.stat().st_mode & 0o777 == 0o644


def test_no_record_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        read_deployment(tmp_path / "deployment.json")
    assert caught.value.code == "deployment_missing"


def test_a_record_that_is_too_long_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    path.write_bytes(BARE.serialise() + b" " * MAX_BYTES)
    with pytest.raises(Malformed):
        read_deployment(path)


def test_a_write_that_fails_leaves_the_old_bytes_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(OSError, match="state"):
        write_atomically(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_nobody_elses(tmp_path: Path) -> None:
    write_atomically(tmp_path / "state", b"old")
    write_atomically(tmp_path / "state", b"new")
    assert (tmp_path / "state").read_bytes() == b"new"
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
