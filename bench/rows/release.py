"""Row d: authorised releases over HTTP, beside the same release built the usual way (``bench/usual``).

Both are one uvicorn process with a SQLite file that is synchronised at each commit. Requests carry receipts signed
beforehand, each for one use, over connections that stay open; the client runs on the other core. Ours answers once the
entry is durable, its tiles stand in the blob store and a checkpoint over it is signed, with a proof of all that.
"""

from __future__ import annotations

import io
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bench.grant_case import PURPOSE, small_loan
from bench.harness import Series, enough, interleave
from bench.load import Load, post, send_all
from bench.local_chain import LocalChain, local_chain
from bench.parties import Party, ReadyGrant, Town
from bench.profiling import Steps, every_thread
from bench.results import Outcome, ratio_goal, values_goal
from bench.usual import models
from bench.vaults import vault_here, vault_process
from chain.ledger import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from client.deployment import grant_domain
from protocol import wire
from protocol.eip712 import typed_data
from protocol.encoding import b64u, hex0x
from protocol.scenario import parse_scenario, sign_scenario
from scripts.processes import free_port, listening
from vault_api.vault import Vault

CONNECTIONS = 32  # more than the service can answer at once: its rate
CALM_CONNECTIONS = 4  # fewer: how long one waits who does not stand in a queue of the bench's own making
CALM_RELEASES = 500
GRANTS = 64
HOLDERS = 8
USES = 1_000_000
PROBE, MOST = 200, 20_000  # releases, to find out how many a trial has, and at most
GOAL, GOAL_P99_MS = 5, 30
OURS, USUAL = "vault", "FastAPI, pydantic, eth-account, SQLAlchemy"


def run(*, quick: bool) -> Outcome:
    rounds, seconds = (3, 1.5) if quick else (9, 5.0)
    with local_chain() as chain, vault_process(chain) as (settings, _):
        desk = Desk(Town.of(chain, settings.public_origin))
        usual = start_usual(chain, desk)
        loads: dict[str, list[Load]] = {OURS: [], USUAL: []}

        def trial(name: str, url: str) -> Callable[[], float]:
            probe = send_all(url, desk.requests(url, PROBE), CONNECTIONS)
            count = enough(probe.rate, seconds, most=MOST, step=CONNECTIONS)

            def one() -> float:
                loads[name].append(send_all(url, desk.requests(url, count), CONNECTIONS))
                return loads[name][-1].rate

            return one

        trials = {OURS: trial(OURS, settings.public_origin), USUAL: trial(USUAL, usual)}
        found = interleave(trials, rounds=rounds, warm_up=1)
        origin = settings.public_origin
        calm = [send_all(origin, desk.requests(origin, CALM_RELEASES), CALM_CONNECTIONS) for _ in range(rounds)]
    return Outcome(
        unit="releases a second",
        series=tuple(found.values()),
        goals=(
            ratio_goal("over the usual stack", found[OURS], found[USUAL], GOAL),
            values_goal(
                f"p99 of a release, {CALM_CONNECTIONS} at once",
                [load.p99_ms for load in calm],
                GOAL_P99_MS,
                at_most=True,
                unit=" ms",
            ),
        ),
        ours=(OURS,),
        facts={
            "connections": CONNECTIONS,
            f"releases a second, {CALM_CONNECTIONS} at once": _median(load.rate for load in calm),
            f"p50, {CALM_CONNECTIONS} at once, ms": _median(load.p50_ms for load in calm),
            "p50 of ours, ms": _median(load.p50_ms for load in loads[OURS][1:]),
            "p99 of ours, ms": _median(load.p99_ms for load in loads[OURS][1:]),
            "p50 of the usual, ms": _median(load.p50_ms for load in loads[USUAL][1:]),
            "p99 of the usual, ms": _median(load.p99_ms for load in loads[USUAL][1:]),
        },
    )


def _median(values: Iterable[float]) -> float:
    return round(Series("", tuple(values)).median, 1)


def profile() -> tuple[str, ...]:
    """Every thread of the vault: the sequencer, the event loop and its helpers."""
    steps = Steps()
    with local_chain() as chain:
        with vault_here(chain) as vault:
            desk = Desk(Town.of(chain, vault.settings.public_origin))
        with every_thread() as lines, vault_here(chain) as vault:
            _load(desk, vault)
        with vault_here(chain, on_step=steps) as vault:
            _load(desk, vault)
        return (steps.line(), *lines())


def _load(desk: Desk, vault: Vault) -> None:
    url = vault.settings.public_origin
    send_all(url, desk.requests(url, 2_000), CONNECTIONS)


class Desk:
    """A bank with grants from some holders, and receipts for as many uses as are wanted."""

    def __init__(self, town: Town) -> None:
        self.town = town
        authority = town.agency(ROLE_SCENARIO, division="data-bureau")
        self.reader = town.agency(ROLE_READER)
        issuer = town.agency(ROLE_ISSUER, types=("social-insurance-proof",))
        raw = sign_scenario(small_loan(authority.urn, int(time.time()), uses=USES), authority.present)
        town.api(authority).post_scenario(raw)
        self.scenario = parse_scenario(raw)
        self.holders = [town.holder() for _ in range(HOLDERS)]
        self.grants: list[ReadyGrant] = []
        for holder in self.holders:
            self._grant(issuer, holder)
        self._next = itertools.cycle(self.grants)

    def _grant(self, issuer: Party, holder: Party) -> None:
        deposit = self.town.deposit(issuer, holder, b"credential")
        for part, sealed in zip(deposit.slip.objects, deposit.sealed, strict=True):
            payload = sealed.payload
            self.town.api(issuer).upload(part.payload, _reader_of(payload), len(payload), None)
        self.town.api(issuer).deposit(deposit.body)
        for _ in range(GRANTS // HOLDERS):
            ready = self.town.grant(holder, self.reader, deposit.slip, self.scenario.hash, PURPOSE["en"], USES)
            self.town.api(holder).post_grant(ready.body())
            self.grants.append(ready)

    def requests(self, url: str, count: int) -> list[bytes]:
        """Release requests, each with a receipt of now."""
        return [self._request(url, grant) for grant in itertools.islice(self._next, count)]

    def _request(self, url: str, ready: ReadyGrant) -> bytes:
        grant = ready.envelope.grant
        body = wire.Release(receipt=self.town.receipt(self.reader, grant)).model_dump_json().encode()
        return post(url, f"/v1/grants/{b64u(grant.grant_id)}/release", body)

    def seed(self, path: Path) -> None:
        """What the usual service knows before the first request: the same parties, items, scenario and grants."""
        engine = models.open_database(str(path))
        models.Base.metadata.create_all(engine)
        with Session(engine) as db:
            db.add_all(self._rows())
            db.commit()
        engine.dispose()

    def _rows(self) -> list[Any]:
        reader, jwk = self.reader, self.reader.present.public_jwk()
        rows: list[Any] = [
            models.Agency(
                account=hex0x(reader.account.address), urn=reader.urn, division="bank", reader_since=0,
                reader_until=None, card=hex0x(reader.card_hash), card_x=b64u(jwk.x), card_y=b64u(jwk.y),
                card_compromised_since=None,
            ),
            models.Scenario(hash=hex0x(self.scenario.hash), body=self.scenario.body.to_json()),
        ]  # fmt: skip
        domain = grant_domain(self.town.ledger.deployment)
        for holder in self.holders:
            me = hex0x(holder.account.address)
            state = self.town.ledger.dossier(holder.subject)
            assert state is not None
            rows.append(
                models.Dossier(
                    dossier=hex0x(holder.subject), controller=me, grant_epoch=state.grant_epoch, frozen_until=0
                )
            )
        items: dict[str, str] = {}
        for ready in self.grants:
            grant = ready.envelope.grant
            items[hex0x(grant.scope[0].item)] = hex0x(grant.dossier)
            rows.append(
                models.Grant(
                    grant_id=b64u(grant.grant_id), typed_data=typed_data(grant, domain), parcel=ready.parcel,
                    signature=hex0x(ready.envelope.signature), uses=0, last_use_at=None,
                )
            )  # fmt: skip
        return rows + [models.Item(item=item, dossier=dossier) for item, dossier in items.items()]


def start_usual(chain: LocalChain, desk: Desk) -> str:
    """The usual service as a process of its own; its address."""
    path, port = chain.folder / "usual.db", free_port()
    desk.seed(path)
    command = [sys.executable, "-m", "uvicorn", "bench.usual.app:app", "--port", str(port), "--no-access-log"]
    own = {"BENCH_USUAL_DATABASE": str(path), "BENCH_USUAL_LOG": desk.town.log}
    child = chain.children.start("usual", [*command, "--log-level", "error"], {**os.environ, **own})
    child.wait_ready(lambda: listening(port))
    return f"http://127.0.0.1:{port}"


def _reader_of(payload: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(payload)
