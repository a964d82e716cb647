"""A vault for one history: laid from a prepared database in milliseconds, killed and begun anew at will.

The vault is the real one: the whole application with its sequencer thread, SQLite in a folder in memory, the ledger in
memory. Requests go straight into the application (ASGI) from one event loop; there is no socket and no client library.
The application object outlives the vaults behind it, since it keeps nothing but a reference to the vault that it serves.

A *death* drops the vault's memory. What it had written before is fixed by the point at which it died:

    begun      nothing of the request was committed
    committed  its entry is committed; tiles and checkpoint are not written, no answer is given
    stored     its tiles are written too; the checkpoint is not signed, no answer is given
    signed     everything is done, and the answer is lost on its way
"""

from __future__ import annotations

import copy
import logging
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from chain.memory import MemoryChain
from protocol import http_sig
from protocol.encoding import b64
from protocol.errors import OneFileError, Unavailable
from protocol.hashing import sha256
from protocol.keys import AccountKey
from tests.desk import Desk
from tests.stateful.evm import EvmChain
from tests.vault_stage import ORIGIN_URL, T0, Party, VaultStage, seed
from vault_api.app import create_app
from vault_api.build import Outside, build_vault
from vault_api.clock import FixedClock
from vault_api.db.engine import open_engine
from vault_api.fakes import MemoryBlobs
from vault_api.loops import Following, Housekeeping
from vault_api.publishing import Publishing

IN_MEMORY = Path("/dev/shm")
DEATHS = ("begun", "committed", "stored", "signed")
MOST_RELAYS = 4  # an hour and caller: few enough that a history meets the limit
WAIT_S = 20.0


@dataclass(slots=True)
class Prepared:
    """The state of a stage, to begin others from."""

    database: bytes
    blobs: dict[str, bytes]
    deployment: Any
    at: int
    blocks: list[Any] = field(default_factory=list)  # of a chain in memory
    world: Any = None


@dataclass(slots=True)
class Workplace:
    """What all histories of one process share: a folder, an engine with its compiled statements, an application."""

    folder: Path
    engine: Any = None
    desk: Desk | None = None
    prepared: dict[str, Prepared] = field(default_factory=dict)

    @classmethod
    def open(cls) -> Workplace:
        return cls(Path(tempfile.mkdtemp(prefix="onefile-histories-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None)))

    def close(self) -> None:
        import shutil

        if self.engine is not None:
            self.engine.dispose()
        if self.desk is not None:
            self.desk.close()
        shutil.rmtree(self.folder)


class Rig(VaultStage):
    """A stage over a workplace, empty or from what was prepared under a name."""

    def __init__(self, workplace: Workplace, prepared: Prepared | None = None, evm: EvmChain | None = None) -> None:
        # Not the other stage's way of building: engine and application are there already.
        from tests.vault_stage import lay_schema
        from vault_api.settings import Settings

        self.workplace = workplace
        self.folder = workplace.folder
        self.clock = FixedClock(T0)
        self.governor, self.relayer = AccountKey(seed("governor")), AccountKey(seed("relayer"))
        self.settings = Settings(
            home=self.folder,
            public_origin=ORIGIN_URL,
            sequencer_wait_s=WAIT_S,
            relays_per_hour=MOST_RELAYS,
            address_requests_per_s=0,  # what a real clock counts follows from no history
            caller_requests_per_s=0,
        )
        self.blobs = MemoryBlobs()
        self.evm = evm
        self.chain: Any = evm or MemoryChain(governor=self.governor.address, clock=self.clock.now)
        if evm is not None:
            evm.clock = self.clock.now
        self._lost = ""
        self._met: Any = None
        self._lay(prepared)
        lay_schema(self.settings)
        if workplace.engine is None:
            workplace.engine = open_engine(self.settings.database)
        self._begin()

    def _lay(self, prepared: Prepared | None) -> None:
        path = self.settings.vault_home / "vault.db"
        if self.workplace.engine is not None:
            self.workplace.engine.dispose()
        for name in ("vault.db", "vault.db-wal", "vault.db-shm"):
            path.with_name(name).unlink(missing_ok=True)
        if prepared is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(prepared.database)
        self.blobs.objects.update(prepared.blobs)
        self.clock.at = prepared.at
        self.chain.deployment = prepared.deployment
        if self.evm is not None:
            self.evm.back()
            return
        self.chain._blocks = list(prepared.blocks)
        self.chain._world = copied(prepared.world)

    def prepare(self) -> Prepared:
        """What there is now, to begin others from."""
        from vault_api.db.engine import settle

        settle(self.vault.engine)
        chain, log = self.chain, self.vault.log
        database = (self.settings.vault_home / "vault.db").read_bytes()
        made = Prepared(
            database, dict(self.blobs.objects), chain.deployment.with_log(log.origin, log.vkey), self.clock.now()
        )
        if self.evm is not None:
            self.evm.prepared()
        else:
            made.blocks, made.world = list(chain._blocks), copied(chain._world)
        return made

    # --- life and death ---------------------------------------------------------------------------

    def _begin(self) -> None:
        """A process: the vault is put together over what is stored."""
        relaying = self.chain.ledger(self.relayer.address)
        self.outside = Outside(relaying, self.workplace.engine, self.blobs, self.clock, self._on_step)
        self.vault = build_vault(self.settings, self.outside)
        self.vault.sequencer.start()
        self.following = Following(self.vault)
        self.publishing = Publishing(self.vault)
        self.housekeeping = Housekeeping(self.vault)
        if self.workplace.desk is None:
            self.workplace.desk = Desk(create_app(self.vault))
        self.workplace.desk.app.state.vault = self.vault
        self.client = self.workplace.desk  # type: ignore[assignment]  # requests, and nothing else of a client
        self.follow()

    def doom(self, point: str) -> None:
        """From now on the vault gets as far as ``point`` with whatever it does, and no further."""
        self._lost = point
        if point == "committed":
            self.blobs.fail = self._no_tiles

    def die(self) -> None:
        """The process is gone, and another begins."""
        self.vault.sequencer.stop()  # what is doomed does nothing more
        self._lost = ""
        self.blobs.fail = lambda _operation, _name: None
        self._begin()

    def _on_step(self, step: str) -> None:
        if (self._lost, step) in {("begun", "worked"), ("stored", "stored")}:
            raise Unavailable("killed", "the process was killed")

    def _no_tiles(self, operation: str, name: str) -> None:
        if operation == "put" and name.startswith("log/"):
            raise Unavailable("killed", "the process was killed")

    def follow(self) -> None:
        """One round of the follower; what fails is tried again in the next one, as in the running service."""
        self._heard = self.chain.head, self.clock.now()
        try:
            self.following.round()
        except OneFileError:
            return

    def floor(self) -> int:
        """The time that the vault's clock may not be behind."""
        from vault_api.db import tables as t

        with self.vault.engine.connect() as conn:
            last: int = conn.execute(select(t.log_head.c.last_at)).scalar_one()
        return max(last, self.vault.facts.block_time)

    def taken(self, jtis: set[str]) -> set[str]:
        """Which of these slips the vault has taken."""
        from vault_api.db import tables as t

        with self.vault.engine.connect() as conn:
            return set(conn.execute(select(t.items.c.jti).where(t.items.c.jti.in_(jtis))).scalars())

    def signed(
        self,
        party: Party,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        created: int | None = None,
        nonce: str | None = None,
        key: str | None = None,
        digest: bytes | None = None,
        signer: Any = None,
        url: str | None = None,
    ) -> dict[str, str]:
        """The headers that sign a request, from RFC 9421 by hand: a tenth of what a library takes for them."""
        at = self.clock.now() if created is None else created
        lines = {"@method": method, "@target-uri": url or ORIGIN_URL + path}
        covered = {}
        if body or digest is not None:
            covered["content-digest"] = http_sig.content_digest(digest or sha256(body))
        if method in http_sig.WRITES:
            covered["idempotency-key"] = key or http_sig.token(secrets.token_bytes(16))
        lines |= covered
        names = " ".join(f'"{name}"' for name in lines)
        keyid = (signer or party.present).public_jwk().kid()
        chosen = nonce or http_sig.token(secrets.token_bytes(16))
        params = f'({names});created={at};keyid="{keyid}";alg="{http_sig.ALG}";nonce="{chosen}";tag="{http_sig.TAG}"'
        base = "".join(f'"{name}": {value}\n' for name, value in lines.items()) + f'"@signature-params": {params}'
        made = b64((signer or party.present).sign(base.encode()))
        return covered | {"Signature-Input": f"onefile={params}", "Signature": f"onefile=:{made}:"}

    def hear(self) -> bool:
        """Follow, if there is anything new to hear: a block, or another time. Whether there was a block."""
        heard = self.chain.head, self.clock.now()
        if heard != self._heard:
            self.follow()
        moved, self._met = heard[0] != self._met, heard[0]
        return moved

    def close(self) -> None:
        self.vault.sequencer.stop()


def copied(world: Any) -> Any:
    """The state of a chain apart from this one; what stands in its tables never changes itself."""
    made = copy.copy(world)
    for table in fields(world):
        setattr(made, table.name, dict(getattr(world, table.name)))
    return made


def quiet() -> None:
    """Refusals are expected here, by the thousand."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
