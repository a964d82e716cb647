"""A bank, an issuer and an authority that all speak to the liar; vault, chain and holder are those of the reader's stage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agency_cli.services.office import Office, save_office
from client.session import Session
from protocol.receipts import Officer
from tests.attacks.liar import Liar
from tests.credential_samples import DEPT_CODE
from tests.desk import Desk
from tests.reader_stage import PDF, Given, ReaderStage
from tests.vault_stage import Party

Found = Any
OFFICER = Officer("credit-officer", "desk 4")
NONCE = "a nonce"


class Offices:
    """The world, with a session for each of the agencies."""

    MOST_ENTRIES = 60

    def __init__(self, folder: Path) -> None:
        self._base, self._worlds, self._numbers = folder, 0, 0
        self._build()

    def _build(self) -> None:
        self._worlds += 1
        self.folder = self._base / str(self._worlds)
        self.stage = ReaderStage(self.folder)
        self.desk = quickly(self.stage)
        self.stage.item = self.stage.issue(PDF, b"a photo")
        self.stage.anchor()
        self.liar = Liar(self.stage.bridge)
        self.bank = self._speaking(self.stage.bank, "liar-bank")
        types = ("social-insurance-proof",)
        self.clerks = self.stage.vault.agency("clerks", 1, division="hr-bureau", types=types)
        self.issuer = self._speaking(self.clerks, "issuer")
        self.authority = self._speaking(self.stage.authority, "authority")
        save_office(self.issuer.profile, Office("威海市人力资源局", DEPT_CODE))
        self._begun = self.stage.vault.vault.log.size
        self.document = self.folder / "proof.pdf"
        self.document.write_bytes(PDF)
        self.given: Given | None = None
        self.receipts: list[str] = []
        self.said = ""

    def _speaking(self, party: Party, name: str) -> Session:
        session = self.stage.open_session(party, name)
        session.transport = self.liar
        return session

    def close(self) -> None:
        self.stage.close()
        self.desk.close()

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def rewind(self) -> None:
        """Nothing is kept of any use, and nothing but the truth is said from now on."""
        if self.stage.vault.vault.log.size - self._begun > self.MOST_ENTRIES:
            self.close()
            self._build()
        self.honest()
        shutil.rmtree(self.out, ignore_errors=True)
        self.stage.vault.clock.advance(1)
        for session in (self.bank, self.issuer, self.authority):
            shutil.rmtree(session.profile.folder / "uses", ignore_errors=True)
            session.profile.trust_file.unlink(missing_ok=True)

    def honest(self) -> None:
        self.liar.lies.clear()
        self.liar.instead.clear()
        self.liar.told.clear()
        self.liar.heard.clear()
        self.liar.requests.clear()

    def number(self) -> str:
        self._numbers += 1
        return f"371000-{self._numbers:04}"

    def newcomer(self) -> Session:
        """An agency that was admitted and has no key card."""
        party = self.stage.vault.agency(f"newcomer {self.number()}", 2, card=False)
        session = self._speaking(party, party.name.replace(" ", "-"))
        session.save_party(session.party.with_changes(opened=False))
        return session


class Front(Desk):
    """A desk in the place of a stage's client."""

    def __exit__(self, *_: object) -> None:
        """Nothing runs in between."""


def quickly(stage: ReaderStage) -> Desk:
    """Let a stage be asked without threads in between: every lie costs tens of requests."""
    before = stage.vault.client
    front = Front(before.app)
    before.__exit__(None, None, None)
    stage.vault.client = front  # type: ignore[assignment]  # the stage asks for nothing but requests
    return front


@contextmanager
def offices(folder: Path) -> Iterator[Offices]:
    made = Offices(folder)
    try:
        yield made
    finally:
        made.close()
