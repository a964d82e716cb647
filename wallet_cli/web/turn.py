"""One turn at a window: the code on the screen, who collected it, and the holder's word before anything is sealed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

from client import qr
from client.session import Session
from client.titles import spoken
from console.i18n import describe
from protocol.errors import OneFileError
from wallet_cli.services import views
from wallet_cli.services.collecting import Collecting, Collector
from wallet_cli.services.consent import told
from wallet_cli.services.opening import OpenedItem
from wallet_cli.services.showing import Code, Showing

Stage = Literal["code", "asked", "delivered", "refused", "over", "failed"]


class Turn:
    """From the first code to the end of the session. ``ask``: hand over nothing before the holder says so.

    A scenario of a high grade is always asked about, as in ``wallet show``.
    """

    def __init__(self, session: Session, items: tuple[OpenedItem, ...], *, optional: bool, ask: bool) -> None:
        self._ask = ask
        self._showing = Showing(session, items, optional=optional)
        self._collecting: Collecting | None = None
        self.items = items
        self.code: Code = self._showing.draw()
        self.stage: Stage = "code"
        self.collector: Collector | None = None
        self.problem: str | None = None

    def picture(self) -> str:
        """The code on the screen, as an SVG."""
        return qr.svg(self.code.text)

    def left_s(self) -> int:
        """Seconds until the next code."""
        return max(0, self.code.rotates_at - self._showing.now())

    def look(self) -> None:
        """What has happened meanwhile: the next code, somebody who collected, or the end."""
        if self.stage != "code":
            return
        if self.left_s() == 0:
            self.code = self._showing.draw()
        with self._failing():
            seen = self._showing.wait(1)
            if seen.state == "open":
                return
            if seen.state != "collected":
                self.stage = "over"
                return
            self._collecting = Collecting(self._showing)
            self.collector = self._collecting.check(seen)
            self.stage = "asked"
            if not (self._ask or self.collector.sensitive):
                self.hand_over()

    def hand_over(self) -> None:
        """The holder's yes: seal it to who collected, and deliver."""
        if self.stage != "asked" or self._collecting is None or self.collector is None:
            return
        with self._failing():
            done = self._collecting.deliver(self.collector)
            self.stage = "delivered" if done.state == "delivered" else "over"

    def end(self) -> None:
        """The holder's no, at any time; nothing is handed over after it."""
        if self.stage in {"code", "asked"}:
            self.stage = "refused"
            with contextlib.suppress(OneFileError):
                self._showing.refuse()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """A check that fails ends the turn: the session is closed at the vault, and the reason told."""
        try:
            yield
        except OneFileError as error:
            self.end()
            self.stage, self.problem = "failed", describe(error)

    def claims(self) -> list[str]:
        """What would be handed over, claims and documents, by their names."""
        if self.collector is None:
            return []
        return [
            f"{views.title_of(part.item)}: {spoken(told(part.item, pointer)[0])}"
            for part in self.collector.parts
            for pointer in part.claims
        ]
