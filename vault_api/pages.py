"""Pages of rows: an opaque token says after which row the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from protocol import wire
from protocol.encoding import b64u, u64, unb64u
from protocol.errors import Malformed

Found = TypeVar("Found")
Row = TypeVar("Row", bound=wire.Wire)


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows are wanted: those with a key above ``after``, at most ``limit``."""

    after: int
    limit: int


def read_page(token: str | None, limit: int | None, most: int) -> Page:
    """The page that a request asks for; ``Malformed("page")`` for a token that we did not give."""
    if limit is not None and not 1 <= limit <= most:
        raise Malformed("page", "limit: expected 1 to {most}", most=most)
    after = int.from_bytes(unb64u(token, length=8, what="page"), "big") if token else 0
    if after >= 2**63:
        raise Malformed("page", "page: not a token of ours")
    return Page(after, limit or most)


def page_of(page: Page, rows: Sequence[tuple[int, Found]], render: Callable[[Found], Row]) -> wire.Page[Row]:
    """A page from ``rows`` (key and row, at most one more than the limit) that ``render`` shows."""
    shown = rows[: page.limit]
    more = b64u(u64(shown[-1][0])) if len(rows) > len(shown) and shown else None
    return wire.Page(rows=[render(row) for _key, row in shown], next=more)
