"""The barcode reader of our pages: the files that we know, and no others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from client import scanner
from tests.strangers import ROOT


def test_every_file_of_the_reader_is_there_after_make_setup_with_its_hash() -> None:
    for name, known in scanner.files().items():
        found = scanner.file(name)
        assert found is not None, f"{name}: run make setup"
        assert (hashlib.sha256(found[0]).hexdigest(), found[1]) == (known["sha256"], known["kind"])
    assert {name for name in scanner.OWN if scanner.file(name) is not None} == set(scanner.OWN)


def test_a_file_with_other_bytes_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "VENDOR", tmp_path)
    assert scanner.file("ponyfill.js") is None
    (tmp_path / "ponyfill.js").write_bytes(b"something else")
    assert scanner.file("ponyfill.js") is None


def test_nothing_else_is_served() -> None:
    for name in ("__init__.py", "files.json", "../__init__.py", "vendor/ponyfill.js", ""):
        assert scanner.file(name) is None


def test_no_file_of_a_stranger_is_in_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/client/scanner/vendor/" in ignored


def test_the_versions_that_the_hashes_belong_to_are_the_locked_ones() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    named = {known["from"].split("/")[0] for known in scanner.files().values()}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in sorted(named)} == {
        "barcode-detector": "3.2.2",
        "zxing-wasm": "3.1.3",
    }
