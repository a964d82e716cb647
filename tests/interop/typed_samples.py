"""EIP-712 messages of every type that we have, for strangers and contracts to hash.

What counts as "every" is read from the code: a class in ``protocol/`` or a type string in ``contracts/`` that has no
sample here fails a test.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import replace
from pathlib import Path

import protocol
from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.eip712 import Typed
from protocol.fields import MAX_TIME
from protocol.grant import MAX_CLAIMS, MAX_DOCUMENTS, MAX_SCOPE
from protocol.hashing import ZERO32
from protocol.keycard import KeyCard
from protocol.mandate import MAX_SCENARIOS, Mandate
from tests.grant_samples import ALICE, BANK, BOB, a_grant, a_scope, b32
from tests.strangers import ROOT

FULL = b"\xff" * 32
MOST64 = 2**53 - 1  # the largest integer of our JSON
MOST32 = 2**32 - 1
WIDE = a_scope(
    claims=tuple(sorted(f"/files/{i}" for i in range(MAX_CLAIMS))), documents=tuple(map(b32, range(MAX_DOCUMENTS)))
)
MANDATE = Mandate(b32(1), b32(2), b32(3), 1, BOB.address, 15, (b32(1), b32(2)), 3, 1, 2, ZERO32, 0, b32(4))
SAMPLES: tuple[Typed, ...] = (
    OpenDossier(ALICE.address, BOB.address, b32(1), MAX_TIME),
    OpenDossier(BOB.address, BOB.address, FULL, MOST64),
    RotateDossier(b32(1), BOB.address, ALICE.address, 0, MAX_TIME),
    RotateDossier(FULL, ALICE.address, BANK.address, MOST64, MOST64),
    BumpEpoch(b32(1), 0, MAX_TIME),
    BumpEpoch(FULL, MOST64, MOST64),
    SetGuardians(b32(1), b32(2), 2, 86_400, 0, MAX_TIME),
    SetGuardians(FULL, ZERO32, 0, 0, MOST64, MOST64),
    FreezeDossier(b32(1), BOB.address, 0, MAX_TIME),
    FreezeDossier(FULL, BANK.address, MOST64, MOST64),
    RecoverDossier(b32(1), BOB.address, ALICE.address, by_all=False, nonce=0, deadline=MAX_TIME),
    RecoverDossier(FULL, ALICE.address, BANK.address, by_all=True, nonce=MOST64, deadline=MOST64),
    VetoRecovery(b32(1), 0, 0, MAX_TIME),
    VetoRecovery(FULL, MOST64, MOST64, MOST64),
    KeyCard(b32(1), 1, b32(2), b32(3), 1_800_000_000, 0, ZERO32),
    KeyCard(FULL, MOST64, FULL, FULL, MAX_TIME, MOST64, FULL),
    MANDATE,
    replace(MANDATE, scenarios=(), powers=1, max_grants=0, not_before=0, not_after=MAX_TIME),
    replace(MANDATE, scenarios=tuple(map(b32, range(MAX_SCENARIOS))), max_grants=MOST32, grant_epoch=MOST64),
    a_scope(),
    a_grant(),
    a_grant(scope=(a_scope(claims=()), a_scope(item=b32(3), documents=()), a_scope(item=b32(4)))),
    a_grant(purpose="Ünïcödé 目的 🔑 \"quoted\" \\ \n", mandate=b32(8), officer_class=b32(9), min_interval_s=60),
    a_grant(scope=(WIDE, *(a_scope(item=b32(i)) for i in range(1, MAX_SCOPE))), purpose="目" * 1000),
    a_grant(
        grant_epoch=MOST64, not_before=0, not_after=MAX_TIME, max_uses=1_000_000,
        min_interval_s=MOST32, retention_days=MOST32, log=FULL, scenario=FULL,
    ),
)  # fmt: skip
NAMES = tuple(f"{type(message).__name__}-{number}" for number, message in enumerate(SAMPLES))


def classes() -> set[type[Typed]]:
    """Every EIP-712 message class that ``protocol`` defines."""
    for module in pkgutil.iter_modules(protocol.__path__, "protocol."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, ahead = set(), [Typed]
    while ahead:
        new = ahead.pop().__subclasses__()
        ahead += new
        # A dataclass with slots is made twice, and the first one stays behind among the subclasses.
        found |= {getattr(importlib.import_module(cls.__module__), cls.__name__) for cls in new if _ours(cls)}
    return found


def _ours(cls: type[Typed]) -> bool:
    return cls.__module__.startswith("protocol.")


def solidity_type_strings(folder: Path = ROOT / "contracts" / "src") -> set[str]:
    """Every EIP-712 type string that the contracts hash."""
    found = set()
    for file in folder.rglob("*.sol"):
        for literals in re.findall(r'keccak256\(\s*((?:"[^"]*"\s*)+)\)', file.read_text(encoding="utf-8")):
            text = "".join(re.findall(r'"([^"]*)"', literals))
            found |= {text} if re.fullmatch(r"[A-Z]\w*\(.*\)", text) else set()
    return found
