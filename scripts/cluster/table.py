"""The processes of a vault that is more than one: what `make up-cluster` starts and `deploy/` describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Process:
    """One kind of process. ``{number}`` in a value is the number of the instance, from 1."""

    name: str
    command: tuple[str, ...]
    count: int
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def env(self, number: int) -> dict[str, str]:
        """What the instance has beyond the environment of all."""
        return {name: value.format(number=number) for name, value in self.environment.items()}


# In the order in which they are started: the sequencer opens the log of a new vault, and the others wait for it.
PROCESSES = (
    Process("sequencer", ("vault-api", "sequencer"), 1),
    Process("publisher", ("vault-api", "publisher"), 1),
    Process("worker", ("vault-api", "worker"), 2),
    # An account sends from one process at a time: each one that relays has a key of its own.
    Process(
        "api",
        ("vault-api", "serve", "--role", "api"),
        2,
        MappingProxyType({"ONEFILE_RELAYER_KEY_FILE": "keys/relayer-{number}.key"}),
    ),
)

# What all of them have to agree on; the values are the place's.
SHARED = (
    "ONEFILE_HOME",
    "ONEFILE_DATABASE_URL",
    "ONEFILE_BLOB_URL",
    "ONEFILE_BLOB_ENDPOINT",
    "ONEFILE_BLOB_REGION",
    "ONEFILE_BLOB_ACCESS_KEY",
    "ONEFILE_BLOB_SECRET_KEY",
    "ONEFILE_RPC_URL",
    "ONEFILE_PUBLIC_ORIGIN",
)
