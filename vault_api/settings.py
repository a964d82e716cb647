"""Settings of the vault: values, read once at the edge from the environment (prefix ``ONEFILE_``).

Units stand in the names. Nothing here is read at import time, and nothing below the edge reads the
environment again: ``load_settings`` is called by the command line and its result is passed down.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chain.fees import GWEI, FeePolicy
from protocol.errors import Malformed
from protocol.wire import MAX_OBJECTS, MAX_PAGE, MAX_PAYLOAD_BYTES

PLACEHOLDERS = ("changeme", "change-me", "placeholder", "example-secret", "secret-here")

Positive = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """What an operator can choose. Every field has a default that works on one machine."""

    # An empty variable is none: what starts processes often can't leave one out (compose, charts).
    model_config = SettingsConfigDict(
        env_prefix="ONEFILE_", env_ignore_empty=True, frozen=True, extra="ignore", env_file=None
    )

    environment: Literal["development", "production"] = "development"
    home: Path = Path(".onefile")

    # Where it listens, and what its address is for everybody else (behind a proxy the two differ).
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8440
    public_origin: str = "http://127.0.0.1:8440"

    # Where it stores. None: below ``home``.
    database_url: str | None = None
    lease_s: Annotated[float, Field(gt=0)] = 5.0
    blob_url: str | None = None

    # An S3 store (blob_url = s3://bucket/prefix). Endpoint None: Amazon's of the region.
    blob_endpoint: str | None = None
    blob_region: str = "us-east-1"
    blob_access_key: str | None = None
    blob_secret_key: SecretStr | None = None
    blob_credentials_file: Path | None = None

    # The chain.
    rpc_url: str = "http://127.0.0.1:8545"
    deployment_file: Path | None = None
    confirmations: Annotated[int, Field(ge=0)] = 0
    chain_poll_s: Annotated[float, Field(gt=0)] = 1.0
    chain_max_age_s: Positive = 3600
    anchor_interval_s: Annotated[float, Field(gt=0)] = 60.0
    rpc_quorum: Positive = 1
    chain_stall_s: Annotated[int, Field(ge=0)] = 0
    tx_max_fee_gwei: Positive = 2_000
    tx_max_raises: Annotated[int, Field(ge=0, le=64)] = 8
    tx_raise_after_s: Annotated[float, Field(gt=0)] = 20.0

    # The log and the two secret files.
    log_name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] = "main"
    log_key_file: Path | None = None
    relayer_key_file: Path | None = None

    # Limits.
    payload_bytes: Annotated[int, Field(gt=0, le=MAX_PAYLOAD_BYTES)] = MAX_PAYLOAD_BYTES
    uploads_per_caller: Positive = 64
    upload_bytes_per_caller: Positive = 64 << 30
    upload_idle_s: Positive = 24 * 3600
    orphan_grace_s: Positive = 24 * 3600
    body_bytes: Positive = 16 << 20
    objects_per_item: Annotated[int, Field(gt=0, le=MAX_OBJECTS)] = MAX_OBJECTS
    page_rows: Annotated[int, Field(gt=0, le=MAX_PAGE)] = 100
    relays_per_hour: Positive = 60
    opens_per_hour: Positive = 600
    clock_lag_s: Annotated[int, Field(ge=0, le=600)] = 30
    sequencer_wait_s: Annotated[float, Field(gt=0)] = 5.0
    show_delivery_s: Positive = 20
    swagger_folder: Path = Path("node_modules/swagger-ui-dist")

    # Load: rates (0: none), gates, times. Addresses are the socket's, but for those of trusted proxies.
    address_requests_per_s: Annotated[float, Field(ge=0)] = 500.0
    caller_requests_per_s: Annotated[float, Field(ge=0)] = 100.0
    trusted_proxies: str = ""
    connections: Positive = 2000
    connections_per_address: Positive = 500
    work_at_once: Positive = 4
    work_waiting: Annotated[int, Field(ge=0)] = 64
    uses_at_once: Positive = 32
    uses_waiting: Annotated[int, Field(ge=0)] = 256
    transfers_at_once: Positive = 64
    polls_at_once: Positive = 1000
    head_s: Annotated[float, Field(gt=0)] = 10.0
    body_s: Annotated[float, Field(gt=0)] = 30.0
    answer_s: Annotated[float, Field(gt=0)] = 60.0
    read_s: Annotated[float, Field(gt=0)] = 30.0
    stop_s: Positive = 10

    # For who looks after it.
    metrics_from: str = "127.0.0.1, ::1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    disk_free_bytes: Annotated[int, Field(ge=0)] = 1 << 30
    sign_late_s: Positive = 30

    @property
    def vault_home(self) -> Path:
        """The folder of the vault's own files."""
        return self.home / "vault"

    @property
    def database(self) -> str:
        """The database's URL; by default a SQLite file below ``home``."""
        return self.database_url or f"sqlite:///{(self.vault_home / 'vault.db').resolve()}"

    @property
    def blobs(self) -> str:
        """The blob store: a URL, or the path of a folder."""
        return self.blob_url or str(self.vault_home / "blobs")

    @property
    def deployment(self) -> Path:
        """The deployment record that ``chain deploy`` wrote."""
        return self.deployment_file or self.home / "deployment.json"

    @property
    def rpc_endpoints(self) -> list[str]:
        """The chain's endpoints: ``rpc_quorum`` of them must agree, and changes go to the first that answers."""
        return self.rpc_url.replace(",", " ").split()

    @property
    def rpc_endpoint(self) -> str:
        """The first endpoint that is named."""
        return self.rpc_endpoints[0]

    @property
    def fees(self) -> FeePolicy:
        """What a transaction may cost."""
        return FeePolicy(
            max_fee=self.tx_max_fee_gwei * GWEI,
            max_raises=self.tx_max_raises,
            raise_after_s=self.tx_raise_after_s,
        )

    @property
    def log_key(self) -> Path:
        """The Ed25519 seed that signs checkpoints."""
        return self.log_key_file or self.vault_home / "log.key"

    @property
    def relayer_key(self) -> Path:
        """The secp256k1 key that pays for relayed messages and anchors."""
        return self.relayer_key_file or self.vault_home / "relayer.key"


def load_settings(**overrides: object) -> Settings:
    """Read the environment once; ``Malformed("setting")`` names the setting that does not hold."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks each value itself
    except ValidationError as error:
        first = error.errors()[0]
        name = "ONEFILE_" + ".".join(str(part) for part in first["loc"]).upper()
        raise Malformed("setting", "{name}: {problem}", name=name, problem=str(first["msg"])) from None
    _check_quorum(settings)
    _check_origin(settings)
    _check_placeholders(settings)
    return settings


def _check_quorum(settings: Settings) -> None:
    if settings.rpc_quorum > len(settings.rpc_endpoints):
        raise Malformed(
            "setting",
            "{name}: {problem}",
            name="ONEFILE_RPC_QUORUM",
            problem="more than there are endpoints",
        )


def _check_origin(settings: Settings) -> None:
    parts = urlsplit(settings.public_origin)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
        raise Malformed(
            "setting",
            "{name}: {problem}",
            name="ONEFILE_PUBLIC_ORIGIN",
            problem="expected scheme://host[:port]",
        )
    # A plain-http origin outside one's own machine would let anybody on the way read receipts.
    if settings.environment == "production" and parts.scheme != "https":
        raise Malformed(
            "setting",
            "{name}: {problem}",
            name="ONEFILE_PUBLIC_ORIGIN",
            problem="expected https in production",
        )


def _check_placeholders(settings: Settings) -> None:
    if settings.environment == "development":
        return
    for name in ("database_url", "blob_url", "blob_secret_key", "rpc_url"):
        value = _plain(getattr(settings, name)).lower()
        if any(word in value for word in PLACEHOLDERS):
            raise Malformed(
                "placeholder_secret",
                "{name} still holds a placeholder; it is refused outside the development profile",
                name="ONEFILE_" + name.upper(),
            )


def _plain(value: str | SecretStr | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""
