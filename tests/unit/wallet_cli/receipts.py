"""Receipts as readers sign them, for the tests of uses and shows."""

from __future__ import annotations

import secrets
from typing import Any

from protocol.encoding import b64u
from protocol.receipts import Officer, Receipt, sign_receipt
from protocol.scenario import parse_scenario
from tests.unit.wallet_cli.conftest import World
from tests.wallet_stage import Agency

OTHER_LOG = "onefile/31337/0x" + "9" * 40 + "/main"


def receipt(world: World, reader: Agency | None = None, **changes: Any) -> str:
    by = reader or world.bank
    now = world.stage.clock.now()
    values: dict[str, Any] = {
        "jti": b64u(secrets.token_bytes(16)),
        "iat": now,
        "iss": by.urn,
        "aud": world.stage.vault.origin,
        "grant": None,
        "show": None,
        "scenario": parse_scenario(world.scenario_raw).hash,
        "officer": Officer("teller", "17"),
        "items": (),
        "retain_until": now + 86_400,
        "nonce": None,
        "card": by.card_hash,
    }
    return sign_receipt(Receipt(**{**values, **changes}), by.present)
