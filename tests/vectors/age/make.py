"""Write sealed_object.json: one payload with a header for its holder and another for a bank.

Run as ``python -m tests.vectors.age.make``. Sealing is random, so a new run gives new bytes; what is committed is
golden because it must open for ever.
"""

from __future__ import annotations

import json
from pathlib import Path

from protocol.encoding import b64u
from protocol.envelope import header_for, seal_bytes
from protocol.hashing import sha256
from protocol.recipients import HybridIdentity

FILE = Path(__file__).with_name("sealed_object.json")
PLAINTEXT = "一人一档: one dossier for every person"

if __name__ == "__main__":
    holder, bank = HybridIdentity(b"h" * 32), HybridIdentity(b"b" * 32)
    sealed = seal_bytes(PLAINTEXT.encode(), [holder.recipient()])
    extra = header_for(sealed.file_key, [bank.recipient()])
    vector = {
        "plaintext": PLAINTEXT,
        "payload": b64u(sealed.payload),
        "payload_sha256": b64u(sha256(sealed.payload)),
        "holder": {"identity": holder.unsafe_text(), "header": b64u(sealed.header)},
        "bank": {"identity": bank.unsafe_text(), "header": b64u(extra)},
    }
    FILE.write_text(json.dumps(vector, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
