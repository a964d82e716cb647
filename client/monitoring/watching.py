"""Look after look: what is told, what is kept, and the evidence of an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from client.clock import Clock
from client.files import read_json
from client.log_evidence_file import Seen, keep_log_evidence
from client.monitoring.looking import Alarm, Look, Watch
from client.monitoring.state import MonitorState, load_state, save_state
from protocol.encoding import unb64
from protocol.errors import OneFileError, Unavailable
from protocol.fields import Fields

MAX_GOSSIP = 100
MAX_GOSSIP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Post:
    """Where a monitor lives: its folder, the machine's home (for the key that signs evidence), and its clock."""

    folder: Path
    home: Path
    clock: Clock


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: a look, an alarm with its evidence, or silence."""

    look: Look | None = None
    alarm: OneFileError | None = None
    evidence: Path | None = None
    silence: Unavailable | None = None


def once(watch: Watch, post: Post) -> Round:
    """One look; what held is kept, what did not is evidence on disk before it is told."""
    state = load_state(post.folder)
    if state.origin not in {"", watch.origin}:
        watch.tell("log_other", {"before": state.origin, "now": watch.origin})
        state = MonitorState()
    try:
        look = watch.look(state, post.clock.now())
    except Alarm as alarm:
        return Round(alarm=alarm.error, evidence=keep_evidence(watch, post, alarm))
    except Unavailable as error:
        return Round(silence=error)
    save_state(post.folder, look.state)
    return Round(look=look)


def keep_evidence(watch: Watch, post: Post, alarm: Alarm) -> Path:
    """The signed evidence of an alarm, on disk; the same alarm twice is one file."""
    seen = Seen(watch.origin, alarm.vkey, alarm.notes, alarm.anchors)
    return keep_log_evidence(post.folder / "evidence", post.home, alarm.error, seen, post.clock.now())


def read_gossip(path: Path) -> tuple[bytes, ...]:
    """Checkpoints that others saw: ``{"checkpoints": ["<note in base64>", …]}``; nothing of them is believed."""
    fields = Fields(read_json(path, limit=MAX_GOSSIP_BYTES), "gossip")
    found = tuple(unb64(text, what="gossip") for text in fields.array("checkpoints", most=MAX_GOSSIP))
    fields.done()
    return found


def metrics(done: Round, alarms: int, now: int) -> bytes:
    """The Prometheus text of a round, for a node exporter's folder."""
    rows = [
        ("onefile_monitor_last_look_seconds", "gauge", now if done.look is not None else 0),
        ("onefile_monitor_alarms_total", "counter", alarms),
        ("onefile_monitor_alarm", "gauge", int(done.alarm is not None)),
    ]
    if done.look is not None:
        rows += [
            ("onefile_monitor_log_size", "gauge", done.look.size),
            ("onefile_monitor_anchored_size", "gauge", done.look.anchored),
            ("onefile_monitor_silent_vaults", "gauge", len(done.look.silent)),
        ]
    return "".join(f"# TYPE {name} {kind}\n{name} {value}\n" for name, kind, value in rows).encode("ascii")
