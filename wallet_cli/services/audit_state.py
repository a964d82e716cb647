"""How far this device has audited the log: ``audit.json`` in the profile, replaced whole.

    {v, origin, frontier, hits: [[index, entry hash], …]}

``frontier`` is the right edge of the tree at a head that came out (``protocol/merkle.py``), ``hits`` are the entries of
this dossier up to there. Garbled, or of another log, it is as if it were not there: the audit begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from client.files import read_json, write_json
from client.session import Session
from protocol.encoding import b64u, unb64u
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.merkle import Frontier

_VERSION = 1
MAX_HITS = 1_000_000
MAX_FRONTIER_CHARS = 4096
_NAME = "audit.json"


@dataclass(frozen=True, slots=True)
class AuditState:
    """``hits``: index and hash of every own entry below ``frontier.size``."""

    frontier: Frontier = field(default_factory=Frontier)
    hits: tuple[tuple[int, bytes], ...] = ()


def load_state(session: Session) -> AuditState:
    """What was kept; the beginning if nothing was, or nothing that can be used."""
    path = session.store.folder / _NAME
    if not path.exists():
        return AuditState()
    try:
        fields = Fields(read_json(path), "audit")
        fields.uint("v", least=_VERSION, most=_VERSION)
        origin = fields.text("origin")
        frontier = Frontier.parse(unb64u(fields.text("frontier", limit=MAX_FRONTIER_CHARS), what="frontier"))
        hits = tuple(_hit(row) for row in fields.array("hits", most=MAX_HITS))
        fields.done()
    except Malformed:
        return AuditState()
    return AuditState(frontier, hits) if origin == session.log.origin else AuditState()


def save_state(session: Session, state: AuditState) -> None:
    """Keep how far the audit came."""
    value = {
        "v": _VERSION,
        "origin": session.log.origin,
        "frontier": b64u(state.frontier.serialise()),
        "hits": [[index, b64u(digest)] for index, digest in state.hits],
    }
    write_json(session.store.folder / _NAME, value)


def _hit(row: object) -> tuple[int, bytes]:
    if isinstance(row, list) and len(row) == 2 and isinstance(row[0], int) and not isinstance(row[0], bool):
        return row[0], unb64u(row[1], length=32, what="audit.hits")
    raise Malformed("field_form", "{field}: not of the expected form", field="audit.hits")
