"""The terms that my data takes for a grant: how long between two uses, seen before it is signed."""

from __future__ import annotations

from protocol.grant import GrantEnvelope
from tests.unit.wallet_cli.conftest import World
from tests.unit.wallet_cli.web_page import Page, page

__all__ = ["page"]


def test_the_time_between_two_uses_is_seen_before_it_is_signed(page: Page, world: World) -> None:
    order = {"scenario": "small-loan", "agency": "0x" + world.bank.account.hex(), "hours_between": 12}
    page.done("/grants/plan", order)
    assert "at least 12 hours" in page.text("/grants/consent")
    page.done("/grants/give", {"confirmed": True})
    (row,) = world.alice.api.my_grants()
    assert GrantEnvelope.from_json(row.envelope).grant.min_interval_s == 43_200
