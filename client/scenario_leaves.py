"""Whether a scenario stands in the log, and which versions came after it: so that nobody is served an old one for new.

Every version of a scenario is a public entry (docs/spec/scenario.md §7). A proof that an entry is there says nothing of
what came later, so the log is read: entry by entry up to the vault's head, over every head that the chain anchors
(``client/log_walk.py``), once; then only what is new. Kept in the profile, as ``scenarios.json``, are the edge of the
tree and, by tag, the commitments of all scenarios. Garbled, or of another log, it is as if it were not there.

A version that stands in the log and that the vault does not show is a fault of the vault, told as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.checks import Desk
from client.files import read_json, write_json
from client.log_key import signed_head
from client.log_reading import read_tile
from client.log_scan import spelled
from client.log_walk import Mark, Source, walk_log
from client.scenarios import verified_scenario
from client.session import Session
from protocol.encoding import b64u, unb64u
from protocol.entries import commitment, entry_hash, public_tag
from protocol.errors import Malformed, Untrusted
from protocol.facts import AnchorFacts
from protocol.fields import Fields, text_of
from protocol.hashing import ZERO32
from protocol.merkle import Frontier
from protocol.note import Checkpoint
from protocol.scenario import Scenario, check_current, parse_scenario
from protocol.signed import Signed

MAX_SCENARIOS = 100_000
MAX_VERSIONS = 10_000
MAX_FRONTIER_CHARS = 4096
_NAME = "scenarios.json"
_KIND = b"scenario"


@dataclass(slots=True)
class Line:
    """The versions of one scenario: their commitments in the order of the log, and the hash of the last entry.

    ``broken``: an entry did not name the one before it, which an honest vault never writes.
    """

    versions: list[str] = field(default_factory=list)
    head: str = b64u(ZERO32)
    broken: bool = False


@dataclass(slots=True)
class Leaves:
    """How far the log was read, and every scenario's line by its public tag; all as they are spelled in the log."""

    frontier: Frontier = field(default_factory=Frontier)
    lines: dict[str, Line] = field(default_factory=dict)

    def visit(self, _first: int, entries: list[bytes]) -> None:
        """Take the scenarios of some entries, in order."""
        for entry in entries:
            found = spelled(entry)
            if found is None or found.t != _KIND:
                continue
            line = self.lines.setdefault(found.tag.decode(), Line())
            line.broken |= found.pv.decode() != line.head
            line.versions.append(found.c.decode())
            line.head = b64u(entry_hash(entry))


def check_newest(session: Session, desk: Desk, scenario: Signed[Scenario], *, given: bool = False) -> None:
    """Raise unless the scenario stands in the log and no later version ends what is asked under it.

    ``given``: a grant under it was given before; then only a withdrawal counts. ``Untrusted``: ``scenario_not_logged``,
    ``scenario_hidden``, ``scenario_line`` and whatever a walk finds; ``Denied``: as ``check_current``.
    """
    later = later_versions(session, desk, scenario)
    check_current(scenario.body, later, session.clock.now(), given=given)


def later_versions(session: Session, desk: Desk, scenario: Signed[Scenario]) -> tuple[Scenario, ...]:
    """The versions of a scenario that came after it in the log, each verified."""
    line = newest_leaves(session, desk).lines.get(b64u(public_tag(scenario.body.uri)), Line())
    if line.broken:
        raise Untrusted(
            "scenario_line",
            "the log's entries of the scenario {scenario} do not follow on each other",
            scenario=scenario.body.scenario_id,
        )
    own = _committed(scenario.raw)
    if own not in line.versions:
        raise Untrusted(
            "scenario_not_logged",
            "the scenario {scenario} does not stand in the log",
            scenario=scenario.body.scenario_id,
        )
    wanted = line.versions[line.versions.index(own) + 1 :]
    if not wanted:
        return ()
    served = {_committed(row.scenario): row.scenario for row in session.public_api.scenarios()}
    if not set(wanted) <= set(served):
        raise Untrusted(
            "scenario_hidden",
            "the log holds a later version of the scenario {scenario} that the vault does not show",
            scenario=scenario.body.scenario_id,
        )
    return tuple(verified_scenario(desk, served[c]).body for c in wanted)


def newest_leaves(session: Session, desk: Desk) -> Leaves:
    """Every scenario of the log up to the vault's newest head; what was read before is not read again."""
    path = session.profile.folder / _NAME
    leaves = load_leaves(path, session.log.origin)
    head = _head(session)
    if head.size <= leaves.frontier.size:
        return leaves  # a head that is older than what we read: nothing new is in it
    anchors = desk.facts.anchors()
    head = _head(session)  # read after the chain: what that has, an honest vault has shown before
    marks = _marks(anchors, head, leaves.frontier.size)
    source = Source(lambda tile: read_tile(session, tile), lambda a, b: _consistency(session, a, b))
    leaves.frontier = walk_log(source, leaves.frontier, marks, visit=leaves.visit)
    save_leaves(path, session.log.origin, leaves)
    return leaves


def load_leaves(path: Path, origin: str) -> Leaves:
    """What was kept; nothing if there is nothing that can be used."""
    if not path.exists():
        return Leaves()
    try:
        fields = Fields(read_json(path), "scenarios")
        fields.uint("v", least=1, most=1)
        kept = fields.text("origin")
        frontier = Frontier.parse(unb64u(fields.text("frontier", limit=MAX_FRONTIER_CHARS), what="frontier"))
        rows = fields.array("lines", most=MAX_SCENARIOS)
        lines = dict(_line(Fields(row, "scenarios.lines")) for row in rows)
        fields.done()
    except Malformed:
        return Leaves()
    return Leaves(frontier, lines) if kept == origin else Leaves()


def save_leaves(path: Path, origin: str, leaves: Leaves) -> None:
    """Keep what was read."""
    lines: list[dict[str, Any]] = [
        {"tag": tag, "versions": line.versions, "head": line.head, "broken": line.broken}
        for tag, line in leaves.lines.items()
    ]
    value = {"v": 1, "origin": origin, "frontier": b64u(leaves.frontier.serialise()), "lines": lines}
    write_json(path, value)


def _line(fields: Fields) -> tuple[str, Line]:
    tag = b64u(fields.bytes32("tag"))
    versions = [_digest(one) for one in fields.array("versions", most=MAX_VERSIONS)]
    line = Line(versions, b64u(fields.bytes32("head")), fields.boolean("broken"))
    fields.done()
    return tag, line


def _digest(value: Any) -> str:
    return b64u(unb64u(text_of(value, "scenarios.versions"), length=32, what="scenarios.versions"))


def _committed(raw: str) -> str:
    return b64u(commitment(ZERO32, parse_scenario(raw).raw.encode("ascii")))


def _head(session: Session) -> Checkpoint:
    return signed_head(session, session.public_api.checkpoint())


def _marks(anchors: AnchorFacts, head: Checkpoint, first: int) -> Iterator[Mark]:
    """The heads that the entries must give: the vault's, and every one that the chain has on the way."""
    if anchors.head is not None and head.size < anchors.head.size:
        raise Untrusted(
            "rolled_back", "the log had {want} entries and now shows {got}", want=anchors.head.size, got=head.size
        )
    yield from (Mark(anchor.size, anchor.root, anchored=True) for anchor in anchors.anchors if anchor.size > first)
    yield Mark(head.size, head.root, anchored=False)


def _consistency(session: Session, first: int, second: int) -> tuple[bytes, ...]:
    answer = session.public_api.consistency(first, second)
    return tuple(unb64u(part, length=32, what="consistency proof") for part in answer.proof)
