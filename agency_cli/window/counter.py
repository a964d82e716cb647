"""One desk: what it asks for, one person at a time, each of them written down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agency_cli.services import pictures
from agency_cli.services.scan import Scanned, ScanOrder, scan
from agency_cli.window import view
from agency_cli.window.journal import Journal, Line
from client.checks import open_desk
from client.scenarios import find_scenario
from client.session import Session
from protocol.errors import OneFileError
from protocol.receipts import Officer

WAIT_S = 60


@dataclass(slots=True)
class Counter:
    """A window of one agency. Calls from several tabs queue up: one person is served at a time."""

    session: Session
    desk: int
    scenario: str
    officer: Officer
    _busy: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def journal(self) -> Journal:
        return Journal(self.session.profile.folder)

    def asked(self) -> dict[str, Any]:
        """What this window asks for: the scenario as the registry and the vault have it now."""
        with self._busy:
            return view.scenario(find_scenario(self.session, open_desk(self.session), self.scenario).body)

    def find(self, picture: bytes) -> str:
        """The text of the show code in a picture; nothing is collected yet."""
        return pictures.code_in(picture)

    def serve(self, code: str) -> dict[str, Any]:
        """Collect a show code and say what the clerk is to see: a verdict, or why there is none."""
        return self._served(lambda: scan(self.session, open_desk(self.session), self._order(code)))

    def _order(self, code: str) -> ScanOrder:
        return ScanOrder(code=code, scenario=self.scenario, officer=self.officer, wait_s=WAIT_S)

    def _served(self, work: Callable[[], Scanned]) -> dict[str, Any]:
        with self._busy:
            try:
                done = work()
            except OneFileError as error:
                self._note("refused", code=error.code)
                return view.refused(error)
            codes = done.outcome.failed_codes
            self._note(done.outcome.verdict, code=codes[0] if codes else None, receipt=done.use.jti)
            return view.scanned(done)

    def _note(self, result: str, *, code: str | None, receipt: str | None = None) -> None:
        at = self.session.clock.now()
        self.journal.add(Line(at, self.desk, self.scenario, result, code, receipt))
