"""Settings of a client program: values, read once from the environment at the edge.

Plain parsing and no settings library: a wallet starts in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import Malformed

DEFAULT_VAULT = "http://127.0.0.1:8440"
DEFAULT_RPC = "http://127.0.0.1:8545"
MIN_SCRYPT_LOG_N, DEFAULT_SCRYPT_LOG_N, MAX_SCRYPT_LOG_N = 14, 16, 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    ``home``: where all state lies. ``vault_url``: empty to use the profile's. ``rpc_urls``: chain endpoints,
    of which ``rpc_quorum`` must agree. ``scrypt_log_n``: the work factor of new key stores (2^n KiB of memory).
    ``timeout_s``: of one HTTP exchange without bytes. ``confirmations``: blocks on top of one that gives a right.
    """

    home: Path
    vault_url: str
    rpc_urls: tuple[str, ...]
    rpc_quorum: int
    deployment: Path
    scrypt_log_n: int
    timeout_s: int
    confirmations: int
    passphrase_file: Path | None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in ``environ``; ``Malformed("setting")`` names the one that is wrong."""
    home = Path(environ.get("ONEFILE_HOME") or ".onefile").expanduser().absolute()
    urls = tuple(u for u in (environ.get("ONEFILE_RPC_URL") or DEFAULT_RPC).replace(",", " ").split() if u)
    passphrase_file = environ.get("ONEFILE_PASSPHRASE_FILE")
    return Settings(
        home=home,
        vault_url=_url(environ.get("ONEFILE_VAULT_URL") or "", "ONEFILE_VAULT_URL"),
        rpc_urls=tuple(_url(u, "ONEFILE_RPC_URL") for u in urls),
        rpc_quorum=_whole(environ, "ONEFILE_RPC_QUORUM", 1, 1, len(urls)),
        deployment=Path(environ.get("ONEFILE_DEPLOYMENT_FILE") or home / "deployment.json"),
        scrypt_log_n=_whole(environ, "ONEFILE_SCRYPT_LOG_N", DEFAULT_SCRYPT_LOG_N, MIN_SCRYPT_LOG_N, MAX_SCRYPT_LOG_N),
        timeout_s=_whole(environ, "ONEFILE_TIMEOUT_S", 30, 1, 600),
        confirmations=_whole(environ, "ONEFILE_CONFIRMATIONS", 0, 0, 1000),
        passphrase_file=Path(passphrase_file) if passphrase_file else None,
    )


def _url(text: str, name: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise Malformed("setting", "{name}: expected {want}", name=name, want="http:// or https://")
    return text.rstrip("/")


def _whole(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise Malformed("setting", "{name}: expected {want}", name=name, want=f"{least}–{most}")
    return int(text[:9])
