"""What a monitor keeps between two looks, for one log: ``monitor.json``, replaced whole.

    {v, origin, vkey, former, frozen, frontier, note, upto, last, waiting_since}

``frontier``: the right edge of the tree at the last anchored head that came out of the entries; the next look goes on
from there. ``former``: keys of the log before ``vkey``, as [vkey, size up to which it counts]; left out while there is
none. ``note``: the newest checkpoint that was seen and held. ``upto``: the block that the chain was read to. ``last``:
the last anchored head. ``waiting_since``: since when a head waits for its anchor, 0 if none does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from chain.ledger import BlockRef
from client.facts import AnchoredHead
from client.files import private_folder, read_json, write_json
from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64, b64u, hex0x, unb64, unb64u, unhex0x
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.merkle import Frontier
from protocol.note import MAX_FORMER_KEYS, FormerKey, Vkey

_VERSION = 1
MAX_STATE = 64 << 10
_CHARS = 8192


@dataclass(frozen=True, slots=True)
class MonitorState:
    """As the module says. ``origin`` is empty before the first look."""

    origin: str = ""
    vkey: str = ""
    former: tuple[FormerKey, ...] = ()
    frozen: bool = False
    frontier: Frontier = field(default_factory=Frontier)
    note: bytes = b""
    upto: BlockRef | None = None
    last: AnchoredHead | None = None
    waiting_since: int = 0

    def to_json(self) -> dict[str, Json]:
        upto, last = self.upto, self.last
        return {
            "v": _VERSION,
            "origin": self.origin,
            "vkey": self.vkey,
            **({"former": [[str(one.vkey), one.size] for one in self.former]} if self.former else {}),
            "frozen": self.frozen,
            "frontier": b64u(self.frontier.serialise()),
            "note": b64(self.note),
            "upto": None if upto is None else [upto.number, hex0x(upto.hash), upto.time],
            "last": None if last is None else [last.size, b64u(last.root), last.block, last.time],
            "waiting_since": self.waiting_since,
        }


def load_state(folder: Path) -> MonitorState:
    """What was kept; the beginning if nothing was. ``Malformed`` for a garbled file: a monitor must not forget."""
    path = folder / "monitor.json"
    if not path.exists():
        return MonitorState()
    fields = Fields(read_json(path, limit=MAX_STATE), "monitor")
    fields.uint("v", least=_VERSION, most=_VERSION)
    state = MonitorState(
        origin=fields.text("origin", pattern=forms.LOG_ORIGIN),
        vkey=fields.text("vkey", limit=512),
        former=_former(fields) if fields.has("former") else (),
        frozen=fields.boolean("frozen"),
        frontier=Frontier.parse(unb64u(fields.text("frontier", limit=_CHARS), what="monitor.frontier")),
        note=unb64(fields.text("note", limit=_CHARS, least=0), what="monitor.note"),
        upto=None if fields.is_null("upto") else _block(fields),
        last=None if fields.is_null("last") else _head(fields),
        waiting_since=fields.time("waiting_since"),
    )
    fields.done()
    return state


def save_state(folder: Path, state: MonitorState) -> None:
    """Keep it; returns when it is on disk."""
    write_json(private_folder(folder) / "monitor.json", dict(state.to_json()))


def _block(fields: Fields) -> BlockRef:
    number, block_hash, time = _numbers(fields, "upto", 3)
    return BlockRef(_whole(number), unhex0x(block_hash, length=32, what="monitor.upto"), _whole(time))


def _head(fields: Fields) -> AnchoredHead:
    size, root, block, time = _numbers(fields, "last", 4)
    return AnchoredHead(_whole(size), unb64u(root, length=32, what="monitor.last"), _whole(block), _whole(time))


def _former(fields: Fields) -> tuple[FormerKey, ...]:
    rows = [row if isinstance(row, list) else [] for row in fields.array("former", most=MAX_FORMER_KEYS)]
    if any(len(row) != 2 for row in rows):
        raise Malformed("monitor_row", "the monitor's file has a row of another form")
    return tuple(FormerKey(Vkey.parse(row[0]), _whole(row[1])) for row in rows)


def _numbers(fields: Fields, name: str, count: int) -> list[Json]:
    return fields.array(name, most=count, least=count)


def _whole(value: Json) -> int:
    return Fields({"value": value}, "monitor").uint("value")
