"""One desk: what it asks for, one person at a time, each of them written down."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agency_cli.services.documents import Picture, kept_pictures
from agency_cli.services.offline import (
    ANSWER_S,
    Challenge,
    OfflineOrder,
    OfflineShown,
    offline_scenario,
    receive,
)
from agency_cli.services.release import Released, ReleaseOrder, release
from agency_cli.services.scan import Scanned, ScanOrder, scan
from agency_cli.window import view
from agency_cli.window.asking import Answer, Request, answer_to, ask
from agency_cli.window.journal import Journal, Line
from client.checks import open_desk
from client.files import private_folder
from client.pack import MAX_PACK_AGE_S
from client.scenario_leaves import check_newest
from client.scenarios import find_scenario
from client.session import Session
from protocol.errors import Denied, OneFileError, Unavailable
from protocol.hashing import same
from protocol.offline import PREFIX as FRAME
from protocol.offline import Assembly, parse_frame
from protocol.receipts import Officer
from protocol.scenario import Scenario
from protocol.signed import Signed

WAIT_S = 60
PHOTO = "/photo/"


@dataclass(slots=True)
class Counter:
    """A window of one agency. Calls from several tabs queue up: one person is served at a time."""

    session: Session
    desk: int
    scenario: str
    officer: Officer
    max_pack_age_s: int = MAX_PACK_AGE_S
    _request: Request | None = None
    _frames: Assembly = field(default_factory=Assembly, repr=False)
    _photos: dict[str, Picture] = field(default_factory=dict, repr=False)
    _busy: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def journal(self) -> Journal:
        return Journal(self.session.profile.folder)

    def asked(self) -> dict[str, Any]:
        """What this window asks for: as the registry and the vault have it now, else as the pack has it."""
        with self._busy:
            return view.scenario(self._scenario()[0].body)

    def ask(self) -> Request:
        """A new request on the screen, in place of the one before."""
        with self._busy:
            scenario, online = self._scenario()
            self._frames = Assembly()
            self._request = ask(self.session, self.desk, scenario, online=online)
            return self._request

    def answered(self) -> Answer | None:
        """The answer to the request on the screen, once it is there; nothing is opened by looking."""
        with self._busy:
            try:
                return None if self._request is None else answer_to(self.session, self._request)
            except Unavailable:
                return None  # no network: the answer may still come in frames

    def open_answer(self, match: str) -> dict[str, Any]:
        """Use the grant that answers, once the clerk has compared ``match``, and say what the clerk is to see."""
        return self._served(lambda: self._released(self._open(match)))

    def _open(self, match: str) -> Released:
        request, self._request = self._request, None  # one try: what the digits belong to is never asked for again
        found = None if request is None else answer_to(self.session, request)
        if found is None or not same(found.match.encode("ascii"), match.encode("utf-8")):
            raise Denied("match_number", "the digits are not those of the answer: ask again")
        target = private_folder(self.session.profile.folder / "window" / "opened") / found.given.id
        return release(self.session, open_desk(self.session), ReleaseOrder(found.given.id, target, self.officer))

    def serve(self, code: str) -> dict[str, Any]:
        """Collect a show code and say what the clerk is to see: a verdict, or why there is none.

        One frame of a show without a network is answered with how many of them were seen, and the last one with the
        verdict.
        """
        if code.startswith(FRAME):
            return self._frame(code)
        return self._served(lambda: self._scanned(scan(self.session, open_desk(self.session), self._order(code))))

    def _frame(self, code: str) -> dict[str, Any]:
        with self._busy:
            try:
                message = self._frames.add(parse_frame(code))
            except OneFileError as error:
                return view.refused(error)
            if message is None:
                return view.collecting(self._frames)
        return self._served(lambda: view.offline(self._received(message), self.session.clock.now()))

    def _received(self, message: bytes) -> OfflineShown:
        challenge = None
        if self._request is not None and self.session.clock.now() < self._request.code.iat + ANSWER_S:
            challenge = Challenge(self._request.code, self._request.window)
        order = OfflineOrder(self.scenario, self.officer, challenge, max_pack_age_s=self.max_pack_age_s)
        shown = receive(self.session, message, order)
        self._request = None
        return shown

    def _scenario(self) -> tuple[Signed[Scenario], bool]:
        """What is asked for, and whether chain and vault could be asked."""
        try:
            desk = open_desk(self.session)
            scenario = find_scenario(self.session, desk, self.scenario)
            check_newest(self.session, desk, scenario)
            return scenario, True
        except Unavailable:
            return offline_scenario(self.session, self.scenario, self.max_pack_age_s)[0], False

    def photo(self, name: str) -> Picture | None:
        """A picture of the person who is served now; the next one's take its place."""
        return self._photos.get(name)

    def _scanned(self, done: Scanned) -> dict[str, Any]:
        return view.scanned(done, self._hang(done.pictures))

    def _released(self, done: Released) -> dict[str, Any]:
        pictures = kept_pictures(done.folder, [judged.handed for judged in done.outcome.items])
        return view.released(done, self._hang(pictures))

    def _hang(self, pictures: Mapping[bytes, Picture]) -> dict[bytes, str]:
        """Where the page finds the pictures, by item: under names that nobody guesses, until the next person."""
        names = {item: secrets.token_urlsafe(16) for item in pictures}
        self._photos = {names[item]: picture for item, picture in pictures.items()}
        return {item: PHOTO + name for item, name in names.items()}

    def _order(self, code: str) -> ScanOrder:
        return ScanOrder(code=code, scenario=self.scenario, officer=self.officer, wait_s=WAIT_S, pictures=True)

    def _served(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        with self._busy:
            self._photos = {}
            try:
                seen = work()
            except OneFileError as error:
                self._note("refused", code=error.code)
                return view.refused(error)
            self._note(seen["verdict"], code=seen["failed"], receipt=seen["receipt"])
            return seen

    def _note(self, result: str, *, code: str | None, receipt: str | None = None) -> None:
        at = self.session.clock.now()
        self.journal.add(Line(at, self.desk, self.scenario, result, code, receipt))
