"""Settings of the `chain` program: values, read once from the environment at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import Malformed

DEFAULT_RPC = "http://127.0.0.1:8545"
DEFAULT_PROFILE = "governor"


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """`home` holds all state; `deployment` is the record that `chain deploy` writes."""

    home: Path
    rpc_url: str
    deployment: Path
    key_file: Path | None

    @property
    def state(self) -> Path:
        """The folder of the local chain and of the keys that were drawn for it."""
        return self.home / "chain"

    def key(self, profile: str | None) -> Path:
        """The secret key file of a profile; of the governor by default."""
        if profile is None and self.key_file is not None:
            return self.key_file
        return self.state / f"{profile or DEFAULT_PROFILE}.key"


def read_settings(environ: Mapping[str, str]) -> ChainSettings:
    """The settings in `environ`; `Malformed("setting")` names the one that is wrong."""
    home = Path(environ.get("ONEFILE_HOME") or ".onefile").expanduser().absolute()
    urls = (environ.get("ONEFILE_RPC_URL") or DEFAULT_RPC).replace(",", " ").split()
    url = urls[0] if urls else DEFAULT_RPC
    if not url.startswith(("http://", "https://")):
        raise Malformed("setting", "{name}: expected {want}", name="ONEFILE_RPC_URL", want="http:// or https://")
    key = environ.get("ONEFILE_GOVERNOR_KEY_FILE")
    return ChainSettings(
        home=home,
        rpc_url=url,
        deployment=Path(environ.get("ONEFILE_DEPLOYMENT_FILE") or home / "deployment.json"),
        key_file=Path(key).expanduser() if key else None,
    )
