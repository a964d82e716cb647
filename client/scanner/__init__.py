"""The barcode reader of our local pages: a worker of ours around npm's barcode-detector and its WebAssembly.

``make setup`` puts the strangers' files into ``vendor/`` (they are in no commit of ours), the wheel carries them from
there, and what stands in ``files.json`` decides which bytes a browser ever gets (docs/adr/0015).
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
VENDOR = _HERE / "vendor"
_JS = "text/javascript"
OWN = {"scanner.js": _JS, "scanner-worker.js": _JS}


@cache
def files() -> dict[str, Any]:
    """The strangers' files by name: ``kind``, where they come ``from`` below node_modules, and their ``sha256``."""
    found: dict[str, Any] = json.loads((_HERE / "files.json").read_text(encoding="utf-8"))
    return found


def file(name: str) -> tuple[bytes, str] | None:
    """The bytes and the media type of one file of the reader; None for what it does not have.

    A stranger's file whose bytes are not those that we know is as one that is missing.
    """
    if name in OWN:
        return (_HERE / name).read_bytes(), OWN[name]
    known, path = files().get(name), VENDOR / name
    if known is None or not path.is_file():
        return None
    raw = path.read_bytes()
    return (raw, known["kind"]) if hashlib.sha256(raw).hexdigest() == known["sha256"] else None
