"""The deployment record: which chain, which contracts, and which log a system runs on.

    {"v": 1, "chain_id": 31337, "contracts": {"agency_registry": "0x…", "dossier_registry": "0x…",
     "grant_registry": "0x…", "archive_log": "0x…"}, "deploy_block": 1, "deploy_block_hash": "0x…",
     "log": {"origin": "onefile/31337/0x…/main", "vkey": "…"}}

`log` is added when the vault opens its log. Wire laws: `v` first; a name is never given another
meaning; a reader refuses a version that it does not know and ignores no field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from chain.sizes import ADDRESS_BYTES, HASH_BYTES, sized
from protocol.canonical import loads_object
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Malformed

VERSION = 1
MAX_BYTES = 16 << 10
_FIELDS = {"v", "chain_id", "contracts", "deploy_block", "deploy_block_hash"}


@dataclass(frozen=True, slots=True)
class Contracts:
    """The addresses (20 bytes each) of the four contracts."""

    agency_registry: bytes
    dossier_registry: bytes
    grant_registry: bytes
    archive_log: bytes

    def __post_init__(self) -> None:
        for name in self.__slots__:
            sized(getattr(self, name), ADDRESS_BYTES, name)

    def to_json(self) -> dict[str, str]:
        """The addresses as 0x-hex, by name."""
        return {name: hex0x(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: object) -> Contracts:
        """The contracts of a JSON object that has exactly the four names; else `Malformed`."""
        if not isinstance(value, dict) or set(value) != set(cls.__slots__):
            raise Malformed("contracts", "expected the addresses of exactly four contracts")
        return cls(**{name: unhex0x(value[name], length=ADDRESS_BYTES, what=name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class LogRecord:
    """The log of a deployment: its origin string and its verifier key (C2SP signed-note vkey)."""

    origin: str
    vkey: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of the four contracts on one chain; the block hash tells chains of one id apart."""

    chain_id: int
    contracts: Contracts
    deploy_block: int
    deploy_block_hash: bytes
    log: LogRecord | None = None

    def __post_init__(self) -> None:
        sized(self.deploy_block_hash, HASH_BYTES, "deploy_block_hash")

    def with_log(self, origin: str, vkey: str) -> Deployment:
        """The same deployment with its log named."""
        return replace(self, log=LogRecord(origin, vkey))

    def serialise(self) -> bytes:
        """The record as indented JSON with a newline at its end."""
        value: dict[str, object] = {
            "v": VERSION,
            "chain_id": self.chain_id,
            "contracts": self.contracts.to_json(),
            "deploy_block": self.deploy_block,
            "deploy_block_hash": hex0x(self.deploy_block_hash),
        }
        if self.log is not None:
            value["log"] = {"origin": self.log.origin, "vkey": self.log.vkey}
        return (json.dumps(value, indent=2) + "\n").encode("utf-8")

    @classmethod
    def parse(cls, raw: bytes | str) -> Deployment:
        """The deployment that `raw` records; `Malformed` on anything else."""
        value = loads_object(raw, limit=MAX_BYTES, what="deployment")
        # A boolean equals 1 in Python, and is no version.
        if not _FIELDS <= set(value) <= _FIELDS | {"log"} or type(value["v"]) is not int or value["v"] != VERSION:
            raise Malformed("deployment", "expected a deployment record of version {v}", v=VERSION)
        return cls(
            chain_id=_count(value["chain_id"], "chain_id"),
            contracts=Contracts.from_json(value["contracts"]),
            deploy_block=_count(value["deploy_block"], "deploy_block"),
            deploy_block_hash=unhex0x(value["deploy_block_hash"], length=HASH_BYTES, what="deploy_block_hash"),
            log=_log(value["log"]) if "log" in value else None,
        )


def _count(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed("deployment", "{what}: expected a number that is not negative", what=what)
    return value


def _log(value: object) -> LogRecord:
    if not isinstance(value, dict) or set(value) != {"origin", "vkey"}:
        raise Malformed("deployment", "log: expected its origin and its vkey")
    if not all(isinstance(text, str) and text for text in value.values()):
        raise Malformed("deployment", "log: expected its origin and its vkey")
    return LogRecord(value["origin"], value["vkey"])
