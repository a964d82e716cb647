"""Settings and times of the `chain` program."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from chain.cli_common import Account
from chain.cli_times import Moment
from chain.settings import DEFAULT_RPC, read_settings
from protocol.errors import Malformed


def test_without_an_environment_everything_has_a_default() -> None:
    settings = read_settings({})
    assert settings.home == Path(".onefile").absolute()
    assert settings.rpc_url == DEFAULT_RPC
    assert settings.deployment == settings.home / "deployment.json"
    assert settings.key(None) == settings.home / "chain" / "governor.key"
    assert settings.key("police") == settings.home / "chain" / "police.key"


def test_the_environment_decides() -> None:
    settings = read_settings(
        {
            "ONEFILE_HOME": "/srv/onefile",
            "ONEFILE_RPC_URL": "https://one.example, https://two.example",
            "ONEFILE_DEPLOYMENT_FILE": "/etc/onefile.json",
            "ONEFILE_GOVERNOR_KEY_FILE": "/etc/governor.key",
        }
    )
    assert settings.state == Path("/srv/onefile/chain")
    assert settings.rpc_url == "https://one.example"
    assert settings.deployment == Path("/etc/onefile.json")
    assert settings.key(None) == Path("/etc/governor.key")
    assert settings.key("police") == Path("/srv/onefile/chain/police.key")


def test_a_list_of_no_endpoints_is_the_default() -> None:
    assert read_settings({"ONEFILE_RPC_URL": " , "}).rpc_url == DEFAULT_RPC


def test_an_endpoint_that_is_no_http_address_is_malformed() -> None:
    with pytest.raises(Malformed) as caught:
        read_settings({"ONEFILE_RPC_URL": "127.0.0.1:8545"})
    assert caught.value.facts["name"] == "ONEFILE_RPC_URL"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1800000000", 1_800_000_000),
        ("2026-11-30T08:00:00+08:00", 1_795_996_800),
        ("2026-11-30T00:00:00Z", 1_795_996_800),
    ],
)
def test_a_time_is_read(text: str, seconds: int) -> None:
    assert Moment().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-5", "2026-11-30", "2026-11-30T08:00:00", "9" * 30, "١٢٣", "1900-01-01T00:00:00Z"]
)
def test_what_is_no_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Moment().convert(text, None, None)


def test_an_account_is_read_and_a_mistyped_one_refused() -> None:
    account = b"\x12" * 20
    assert Account().convert("0x" + account.hex(), None, None) == account
    assert Account().convert(account, None, None) == account
    with pytest.raises(click.BadParameter):
        Account().convert("0x" + "aB" * 20, None, None)
