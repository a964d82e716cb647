"""States of the chain as bytes for the vault's own database, and back. Never leaves the database."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from chain.ledger import AgencyState, CardState, DossierState, IssueSpan, RoleSpan
from protocol.encoding import hex0x, unhex0x


def encode(state: AgencyState | DossierState) -> bytes:
    """The state's fields as JSON; bytes as 0x-hex."""
    return json.dumps(asdict(state), default=_hex, separators=(",", ":")).encode()


def decode_dossier(raw: bytes) -> DossierState:
    """What ``encode`` made of a dossier."""
    return DossierState(**_bytes(json.loads(raw), "dossier", "owner", "controller", "card_hash"))


def decode_agency(raw: bytes) -> AgencyState:
    """What ``encode`` made of an agency."""
    value = _bytes(json.loads(raw), "account")
    value["roles"] = tuple(RoleSpan(**span) for span in value["roles"])
    value["issues"] = tuple(IssueSpan(**span) for span in value["issues"])
    value["cards"] = tuple(CardState(**_bytes(card, "hash")) for card in value["cards"])
    return AgencyState(**value)


def _hex(value: object) -> str:
    assert isinstance(value, bytes)
    return hex0x(value)


def _bytes(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: unhex0x(member) if name in names else member for name, member in value.items()}
