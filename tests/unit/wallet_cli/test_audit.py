"""``wallet audit``: the trace of a dossier, and the whole log, against what the vault lists and the chain has."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.wallet_cli.conftest import Outcome, World
from tests.unit.wallet_cli.test_uses import use

Wallet = Callable[..., Outcome]


def test_a_full_audit_walks_the_log_and_goes_on_where_it_ended(world: World, wallet: Wallet) -> None:
    use(world)
    done = wallet("audit", "--full", "--json")
    assert done.code == 0, done.err
    log = done.json["log"]
    assert (log["from"], log["size"], log["unknown"]) == (0, world.stage.vault.log.size, 0)
    assert log["own"] == done.json["events"]
    assert log["anchors"] >= 2
    assert done.json["findings"] == []
    use(world)
    again = wallet("audit", "--full", "--json").json["log"]
    assert again["from"] == log["anchored"]
    assert again["size"] > log["size"]
    assert wallet("audit", "--full", "--anew", "--json").json["log"]["from"] == 0
    assert wallet("audit", "--anew", "--json").code == 2
