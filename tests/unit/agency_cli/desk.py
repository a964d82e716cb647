"""An issuing desk, a holder, and orders for the tests of issuing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from agency_cli.services.holders import Addressee, addressee
from agency_cli.services.issuing import Desk
from agency_cli.services.orders import Order, make_order
from protocol.licence_types import licence_type
from tests.unit.agency_cli.support import DRIVING, HolderKeys, World

NUMBER = {"number": "371000-0001"}


def order(desk: Desk, *documents: Path, kind: str = "driving-licence", body: Any = None, **certificate: Any) -> Order:
    return make_order(
        body or DRIVING,
        licence_type(kind),
        desk.office,
        today=date(2026, 11, 21),
        overrides={**NUMBER, **certificate},
        documents=documents,
    )


def to(world: World, holder: HolderKeys) -> Addressee:
    return addressee(holder.token(world))


def nothing_left(world: World) -> None:
    assert world.vault.deposits == []
    folder = world.session.profile.folder
    assert list((folder / "issued").glob("*.json")) == []
    assert list((folder / "issued" / "by-certificate").glob("*")) == []
    assert list((folder / "tmp").glob("*")) == []
