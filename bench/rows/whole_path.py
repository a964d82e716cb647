"""Row a2: credentials issued with everything that belongs to it, beside one web3.py transaction for each item.

Ours is ``agency issue-batch`` as a department runs it, from the start of the program to its end, against a vault in a
process of its own: for each row the holder's card is fetched and checked against the chain, every field is checked,
the credential is signed, sealed to the holder and uploaded, a slip is signed, and the deposit is answered once it is
durable in the log. Then an anchor that covers all of it is waited for; so are several departments at once, since one
program computes on one core. The other side signs no credential, seals nothing and keeps nothing: it
puts a digest on the same chain.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

from agency_cli.services.batch import BatchOrder, run_batch
from agency_cli.services.issuing import open_desk
from bench.harness import interleave
from bench.local_chain import LocalChain, local_chain
from bench.parties import Party, Town
from bench.profiling import every_thread
from bench.programs import LICENCE, Programs, write_rows
from bench.results import Outcome, ratio_goal
from bench.vaults import vault_process
from bench.web3_items import Items
from client.passphrase import PassphraseSource
from client.session import Session
from protocol.encoding import hex0x
from protocol.entries import origin_hash
from protocol.identifiers import agency_urn
from vault_api.settings import Settings

HOLDERS = 8
ANCHOR_INTERVAL_S = 0.5
GOAL = 15
ONE, MANY = "agency issue-batch", "several departments at once"


def run(*, quick: bool) -> Outcome:
    rounds, seconds, count, at_once = (2, 1.0, 12, 2) if quick else (5, 4.0, 480, 4)
    with (
        local_chain() as chain,
        vault_process(chain, anchor_interval_s=ANCHOR_INTERVAL_S, chain_poll_s=0.2) as (settings, _),
    ):
        departments = [Department(chain, settings, f"office{number}") for number in range(at_once)]
        theirs = Items(chain)
        one, row = theirs.sizes(seconds)
        found = interleave(
            {
                ONE: lambda: _trial(departments[:1], count),
                MANY: lambda: _trial(departments, count),
                "web3.py, one by one": lambda: theirs.one_by_one(one),
                "web3.py, in a row": lambda: theirs.in_a_row(row),
            },
            rounds=rounds,
            warm_up=1,
        )
    ours = found[ONE]
    return Outcome(
        unit="items a second",
        series=tuple(found.values()),
        goals=(
            ratio_goal("over web3.py, one by one", ours, found["web3.py, one by one"], GOAL),
            ratio_goal("over web3.py, in a row", ours, found["web3.py, in a row"], GOAL),
        ),
        ours=(ONE, MANY),
        facts={
            "credentials a trial": count,
            "transactions a trial": f"{one} and {row}",
            "dossiers": HOLDERS,
            "at once": at_once,
        },
    )


def profile() -> tuple[str, ...]:
    """The agency's side, every thread of it; the vault's is much the same as in row a1, with HTTP before it."""
    with local_chain() as chain, vault_process(chain) as (settings, _):
        return Department(chain, settings, "office").profile(480)


def _trial(departments: Sequence[Department], count: int) -> float:
    """Credentials a second, from the start of the programs to the anchor that covers the last."""
    each = count // len(departments)
    orders = [department.order(each) for department in departments]
    with ThreadPoolExecutor(len(departments)) as pool:
        start = time.perf_counter()
        done = list(pool.map(lambda pair: pair[0].issue(pair[1]), zip(departments, orders, strict=True)))
        departments[0].await_anchor()
        took = time.perf_counter() - start
    assert all((d["issued"], d["rejected"]) == (each, 0) for d in done), done
    return each * len(departments) / took


class Department:
    """A department with a profile, and holders who have invited it."""

    def __init__(self, chain: LocalChain, settings: Settings, profile: str) -> None:
        self._chain, self._profile = chain, profile
        self._programs = Programs.of(chain, settings)
        account = self._programs.issuer(profile)
        self._town = Town.of(chain, settings.public_origin)
        self._holders = [self._town.holder() for _ in range(HOLDERS)]
        deployment = self._town.ledger.deployment
        self._me = Party(urn=agency_urn(deployment.chain_id, deployment.contracts.agency_registry, account))
        self._log = origin_hash(self._town.log)

    def order(self, count: int) -> Path:
        """A batch file of so many rows."""
        return write_rows(self._chain.folder / f"{self._profile}.jsonl", self._rows(count))

    def issue(self, rows: Path) -> Any:
        """Run the program on a batch file; what it answers."""
        return self._programs.run("agency", "issue-batch", str(rows), "--type", LICENCE, "--profile", self._profile)

    def profile(self, count: int) -> tuple[str, ...]:
        environ = self._programs.env
        passphrase = PassphraseSource(Path(environ["ONEFILE_PASSPHRASE_FILE"]))
        session = Session.of("agency", self._profile, environ=environ, passphrase=passphrase)
        rows, rejects = self.order(count), self._chain.folder / "rejects.jsonl"
        session.keys.present(0)  # opened before: the passphrase is stretched once, whatever the batch
        with every_thread() as lines:
            order = BatchOrder(rows, rejects, LICENCE)
            batch = Thread(target=lambda: run_batch(open_desk(session), order, lambda _read: None))
            batch.start()
            batch.join()
        session.close()
        return lines()

    def _rows(self, count: int) -> list[dict[str, Any]]:
        tokens = [self._town.token(holder, self._me) for holder in self._holders]
        return [self._row(self._holders[i % HOLDERS], tokens[i % HOLDERS]) for i in range(count)]

    def _row(self, holder: Party, token: str) -> dict[str, Any]:
        return {
            "to": hex0x(holder.subject),
            "card_token": token,
            "number": secrets.token_hex(8).upper(),
            "holder": {"name": "Sample", "identity_type": "other", "identity_number": "0"},
            "insured_region": "Sample",
            "insurance_kinds": "pension",
            "insured_since": "2015-07-01",
            "months_paid": 136,
            "contribution_base": 812300,
            "employer_name": "Sample Ltd",
            "insured_status": "insured",
            "paid_last_12_months": True,
        }

    def await_anchor(self) -> None:
        """Return when the newest checkpoint is anchored."""
        size = int(self._town.api().checkpoint().split(b"\n")[1])
        while True:
            state = self._town.ledger.log_state(self._log)
            if state is not None and state.size >= size:
                return
            time.sleep(0.01)
