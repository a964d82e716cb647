"""Write derivation.json: what two published phrases and one root derive to.

Run as ``python -m tests.vectors.keys.make``. The file is golden: a change of it is a change of everybody's keys.
``tests/interop/test_keys_strangers.py`` derives the same in JavaScript with other libraries.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from protocol.encoding import b64u, hex0x
from protocol.keys import (
    Root,
    cold_account,
    derive_present,
    derive_revoke_key,
    derive_sealing,
    derive_tag_key,
    hot_account,
    person_root,
)

FILE = Path(__file__).with_name("derivation.json")
# The entropy of BIP-39's second English vector (16 bytes 7f), in both word lists.
PHRASES = {
    "en": "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "zh": "枪 疫 霉 尝 俩 闹 饿 贤 枪 疫 霉 卿",
}
ROOT = bytes(range(32))


def derived(root: Root, seq: int) -> dict[str, Any]:
    """Everything of one root and one card sequence; secrets are shown, as these are nobody's."""
    present, sealing = derive_present(root, seq), derive_sealing(root, seq)
    return {
        "seq": seq,
        "root": b64u(root.unsafe_bytes),
        "present": b64u(present.unsafe_bytes),
        "present_thumbprint": b64u(present.thumbprint()),
        "sealing": sealing.unsafe_text(),
        "sealing_key_hash": b64u(sealing.recipient().sealing_key_hash()),
        "tag": b64u(derive_tag_key(root).unsafe_bytes),
        "revoke": b64u(derive_revoke_key(root).unsafe_bytes),
    }


def accounts(phrase: str, language: str, index: int) -> dict[str, Any]:
    """Root and accounts number ``index`` of a phrase."""
    return {
        "phrase": phrase,
        "language": language,
        "index": index,
        "root": b64u(person_root(phrase, language, index).unsafe_bytes),
        "hot": hex0x(hot_account(phrase, language, index).address),
        "cold": hex0x(cold_account(phrase, language, index).address),
    }


def vectors() -> dict[str, Any]:
    """The whole file."""
    return {
        "phrases": [accounts(PHRASES[lang], lang, index) for lang in PHRASES for index in (0, 7)],
        "roots": [derived(Root(ROOT), seq) for seq in (0, 1, 2**32 - 1)],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
