"""Our reading of trust files."""

from __future__ import annotations

from typing import Any

from client.trust import open_trust
from protocol.encoding import b64u, hex0x, unb64u
from tests.vectors.book import Input


def trust_file(given: Input) -> Any:
    found = open_trust(given["raw"].encode("utf-8"), [unb64u(one, length=32) for one in given["signers"]])
    former = [[str(one.vkey), one.size] for one in found.former]
    return {
        **({"former": former} if former else {}),
        "chain_id": found.deployment.chain_id,
        "anchors": [[one.size, b64u(one.root), one.time] for one in found.anchors],
        "agencies": [hex0x(one.facts.account) for one in found.agencies],
        "dossiers": [hex0x(one.dossier) for one in found.dossiers],
    }
