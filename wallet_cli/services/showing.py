"""Showing at a window, first half: a session at the vault and the codes that rotate while somebody is to scan one.

What happens when somebody has scanned stands in ``wallet_cli/services/collecting.py``, which is loaded meanwhile.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from client.session import Session
from protocol import wire
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed
from protocol.show_code import CODE_ROTATION_S, new_show_code, sign_show_code
from wallet_cli.services.opening import OpenedItem

if TYPE_CHECKING:
    from protocol.readiness import Pick  # part of what is loaded while somebody scans

SESSION_S = 300
MAX_POLL_S = 20
MAX_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Code:
    """One drawn code: the text of the QR, when the next one is drawn, and when this one ends (seconds)."""

    text: str
    counter: int
    rotates_at: int
    expires_at: int


class Choice:
    """Which items are shown, and what of each. ``claims``: ``/POINTER`` of the only item, or ``ITEM:/POINTER``.

    An item of which nothing is named shows what the scenario requires, and with ``optional`` what it would like.
    """

    def __init__(self, items: tuple[OpenedItem, ...], claims: tuple[str, ...], *, optional: bool) -> None:
        if any(item.credential is None for item in items):
            raise Denied("show_own", "an own document is nobody's word but yours: it can't be shown by a code")
        if not 1 <= len(items) <= MAX_SHOWN or len({item.record.item for item in items}) != len(items):
            raise Malformed("show_items", "a code shows 1 to {most} items, each of them once", most=MAX_SHOWN)
        self.items, self.optional = items, optional
        self._named: dict[bytes, set[str]] = {}
        for claim in claims:
            item, pointer = self._of(claim)
            self._named.setdefault(item, set()).add(pointer)

    def claims(self, pick: Pick) -> tuple[str, ...]:
        """What is shown of the item that ``pick`` is about."""
        named = self._named.get(pick.item)
        return tuple(
            sorted(named if named is not None else (c for c in pick.claims if self.optional or c not in pick.optional))
        )

    def named(self, item: OpenedItem) -> tuple[str, ...]:
        """What the holder named of an item; nothing if it is left to whoever asks."""
        return tuple(sorted(self._named.get(item.record.item, ())))

    def _of(self, claim: str) -> tuple[bytes, str]:
        start, slash, rest = claim.partition("/")
        wanted = start.removesuffix(":")
        found = [item.record.item for item in self.items if item.record.id.startswith(wanted)]
        if not slash or len(found) != 1 or (start and start == wanted):
            raise Malformed("show_claim", "{claim}: expected /POINTER of the only item, or ITEM:/POINTER", claim=claim)
        return found[0], slash + rest


class Showing:
    """One session at the vault, from its first code to its end."""

    def __init__(
        self, session: Session, items: tuple[OpenedItem, ...], claims: tuple[str, ...] = (), *, optional: bool = False
    ) -> None:
        self.session, self.choice = session, Choice(items, claims, optional=optional)
        self.id = secrets.token_bytes(16)
        self._counter = 0
        api = session.api
        _behind("qrcode.main")  # while the vault answers
        opened = api.open_show(wire.OpenShow(session=b64u(self.id), lifetime_s=SESSION_S))
        self.expires = opened.expires
        # Codes live by the vault's clock, to the second; ours may differ from it.
        self._offset = opened.expires - SESSION_S - session.clock.now()

    def now(self) -> int:
        """The vault's time."""
        return self.session.clock.now() + self._offset

    def draw(self) -> Code:
        """The next code, signed now."""
        now = self.now()
        code = new_show_code(self.id, self._counter, origin=self.session.log.origin, now=now)
        signer = self.session.keys.present(self.session.party.card_seq)
        drawn = Code(sign_show_code(code, signer), self._counter, now + CODE_ROTATION_S, code.exp)
        self._counter += 1
        return drawn

    def wait(self, seconds: int) -> wire.Show:
        """The session after at most so many seconds, or as soon as somebody collects."""
        return self.session.api.my_show(self.id, wait_s=max(1, min(seconds, MAX_POLL_S)))

    def run(
        self,
        drawn: Callable[[Code], None],
        tick: Callable[[int], None],
        *,
        once: bool = False,
        poll_s: int = MAX_POLL_S,
    ) -> wire.Show:
        """Draw codes until somebody collects or the session ends (``once``: one code).

        ``tick`` gets the seconds until the next code, at least every ``poll_s`` seconds.
        """
        while True:
            code = self.draw()
            drawn(code)
            if code.counter == 0:
                self._warm()
            end = code.expires_at if once else code.rotates_at
            show = None
            while (left := end - self.now()) > 0:
                tick(left)
                show = self.wait(min(left, poll_s))
                if show.state != "open":
                    return show
            if once:
                return show or self.wait(1)

    def refuse(self) -> None:
        """Hand over nothing; the vault notes it if somebody had collected."""
        self.session.api.refuse_show(self.id)

    def _warm(self) -> None:
        """Load what the check of the collector needs while the person holds up the first code, never before it."""
        chain = ["chain.ethereum"] if self.session.opener is None else []
        _behind("wallet_cli.services.collecting", *chain)


def _behind(*modules: str) -> None:
    """Load modules while this thread waits for somebody."""
    threading.Thread(target=lambda: [import_module(name) for name in modules], daemon=True).start()
