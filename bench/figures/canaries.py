"""The figure ``canaries``: what citizens keep in a vault is in none of its files, nor in its log lines or memory.

A real vault process over a real chain. Values that occur nowhere else go through it in a batch: in credentials and
documents that are deposited and fetched, in a parcel that is granted and used, in what the programs issue, claim, open
and put. Then every file below the vault's folder (database, write-ahead log, blobs, keys), what its process printed,
and its whole memory are searched for them in every spelling, and for the keys that would open them.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from bench.figures.errand import Errand
from bench.figures.figure import Tally
from bench.figures.needles import Needle, in_files, in_memory, of_secret, of_value, processes_of
from bench.figures.standing import Standing, standing
from bench.grant_case import PURPOSE, small_loan
from bench.parties import Party, ReadyDeposit
from chain.ledger import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from protocol import wire
from protocol.encoding import b64
from protocol.envelope import Sealed
from protocol.keys import derive_sealing
from protocol.scenario import parse_scenario, sign_scenario
from scripts.processes import ROOT

LICENCE = "social-insurance-proof"
CONTROL_S = 30
HAN = range(0x4E00, 0x9F00)


class Marks:
    """The values of one batch: a Latin and a Chinese mark, each drawn for it, and a number behind."""

    def __init__(self, draw: Random, size: int) -> None:
        self.latin = f"CANARY{draw.randbytes(8).hex().upper()}"
        self.chinese = "".join(chr(draw.choice(HAN)) for _ in range(10))
        self.values = [f"{self.chinese if number % 2 else self.latin}-{number}" for number in range(size)]

    def needles(self) -> list[Needle]:
        return [*of_value(self.latin, "a value"), *of_value(self.chinese, "a Chinese value")]

    def document(self, kind: str) -> bytes:
        """A document with all values in it."""
        return json.dumps({"kind": kind, "values": self.values}, ensure_ascii=False).encode()


class Canaries:
    """One vault for all batches. ``programs``: the wallet's and the agency's programs too, which takes longer."""

    def __init__(self, stand: Standing | None = None, *, programs: bool = True) -> None:
        self._open = ExitStack()
        stand = stand or self._open.enter_context(standing())
        self._chain, self._settings = stand.chain, stand.settings
        self._vault, self._town = stand.process, stand.town
        self._issuer = self._town.agency(ROLE_ISSUER, types=(LICENCE,))
        self._reader = self._town.agency(ROLE_READER)
        authority = self._town.agency(ROLE_SCENARIO, division="data-bureau")
        raw = sign_scenario(small_loan(authority.urn, int(time.time())), authority.present)
        self._town.api(authority).post_scenario(raw)
        self._scenario = parse_scenario(raw).hash
        self._errand = Errand.of(self._chain, self._settings) if programs else None

    def close(self) -> None:
        if self._errand is not None:
            self._errand.close()
        self._open.close()

    def end(self) -> Tally:
        return Tally()

    def batch(self, draw: Random, size: int) -> Tally:
        tally, marks = Tally(), Marks(draw, size)
        holder = self._town.holder()
        deposit = self._deposited(holder, marks)
        self._granted(holder, deposit, marks)
        if self._errand is not None:
            self._errand.run(marks.values, tally)
        self._search(marks, self._secrets(holder, deposit), tally)
        self._control(holder, deposit.sealed[0], marks, tally)
        return tally

    # --- putting them through ---------------------------------------------------------------------

    def _deposited(self, holder: Party, marks: Marks) -> ReadyDeposit:
        """Deposited by the issuer, listed and fetched by the holder."""
        deposit = self._town.deposit(self._issuer, holder, marks.document("credential"), marks.document("document"))
        issuer, mine = self._town.api(self._issuer), self._town.api(holder)
        for part, sealed in zip(deposit.slip.objects, deposit.sealed, strict=True):
            issuer.upload(part.payload, reader_of(sealed.payload), part.payload_size, None)
        issuer.deposit(deposit.body)
        assert [item.item for item in mine.items()]
        for part, sealed in zip(deposit.slip.objects, deposit.sealed, strict=True):
            fetched = io.BytesIO()
            mine.payload(part.payload, part.payload_size, fetched)
            assert fetched.getvalue() == sealed.payload
        return deposit

    def _granted(self, holder: Party, deposit: ReadyDeposit, marks: Marks) -> None:
        """Two grants, each used; one of them is revoked."""
        for revoked in (False, True):
            grant = self._town.grant(
                holder, self._reader, deposit.slip, self._scenario, PURPOSE["en"], 3, marks.document("parcel")
            )
            self._town.api(holder).post_grant(grant.body())
            receipt = self._town.receipt(self._reader, grant.envelope.grant)
            released = self._town.api(self._reader).release(grant.envelope.grant.grant_id, receipt)
            assert isinstance(released, wire.Released)
            if revoked:
                self._town.api(holder).revoke(grant.envelope.grant.grant_id, grant.secret)

    def _secrets(self, holder: Party, deposit: ReadyDeposit) -> list[Needle]:
        """What would open something: of the holder, the issuer and the reader, and each object's own key."""
        found = [
            needle
            for party, name in ((holder, "holder"), (self._issuer, "issuer"), (self._reader, "reader"))
            for needle in (
                *of_secret(party.root.unsafe_bytes, f"the root of the {name}"),
                *of_secret(derive_sealing(party.root, 1).unsafe_bytes, f"the sealing key of the {name}"),
            )
        ]
        keys = [of_secret(sealed.file_key.unsafe_bytes, "the key of an object") for sealed in deposit.sealed]
        return [*found, *(needle for some in keys for needle in some)]

    # --- looking for them -------------------------------------------------------------------------

    def _search(self, marks: Marks, secrets: list[Needle], tally: Tally) -> None:
        needles = [*marks.needles(), *secrets]
        home = self._settings.vault_home
        places: list[tuple[str, set[str]]] = []
        for path, found in in_files([home, self._vault.log], needles).items():
            places.append(("its log lines" if path == self._vault.log else f"the file {path.name}", found))
        places += [("its memory", in_memory(pid, needles)) for pid in processes_of(self._vault.process.pid)]
        hits = [f"{what} in {place}" for place, found in places for what in sorted(found)]
        for hit in hits:
            tally.broke(hit)
        if not hits:
            tally.held("put through, found nowhere", len(marks.values))

    def _control(self, holder: Party, sealed: Sealed, marks: Marks, tally: Tally) -> None:
        """The same search finds ciphertext and public facts in the vault, and the values where they are opened."""
        home, pid = self._settings.vault_home, self._vault.process.pid
        stored = in_files([home], [Needle(sealed.payload[:40], "the sealed payload")])
        tally.control(bool(stored), "the sealed payload is not in the vault's files")
        known = in_files([home], [Needle(holder.subject, "the dossier")])
        tally.control(bool(known), "the dossier's id is not in the database")
        public = in_memory(pid, [Needle(self._town.log.encode(), "the log's name")])
        tally.control(bool(public), "the log's name is not in the vault's memory")
        tally.control(bool(self._vault.log.stat().st_size), "the vault has printed nothing")
        with opener(holder, sealed, self._chain.folder / "opened.json") as (process, opened):
            wanted = {"a value", "a Chinese value"} if len(marks.values) > 1 else {"a value"}
            found = in_memory(process, marks.needles())
            tally.control(found >= wanted, f"of the values only {found} are in the memory of who opened them")
            copies = in_files([opened], marks.needles())
            tally.control(copies.get(opened, set()) >= wanted, "the values are not in the opened copy")


@contextmanager
def opener(holder: Party, sealed: Sealed, to: Path) -> Iterator[tuple[int, Path]]:
    """A process that has opened the object as its holder, and the copy that it has written."""
    given = {
        "header": b64(sealed.header),
        "payload": b64(sealed.payload),
        "secret": b64(derive_sealing(holder.root, 1).unsafe_bytes),
        "to": str(to),
    }
    command = [sys.executable, "-m", "bench.figures.opener"]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(given).encode() + b"\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"opened\n"
        yield child.pid, to
    finally:
        child.stdin.close()
        child.wait(CONTROL_S)
        child.stdout.close()


def reader_of(payload: bytes) -> Callable[[], io.BytesIO]:
    """How an upload reads a payload, from the beginning each time."""
    return lambda: io.BytesIO(payload)


def open_work() -> Canaries:
    return Canaries()
