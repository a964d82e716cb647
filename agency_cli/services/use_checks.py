"""``agency uses --check``: does each use of ours stand where its holder finds it, under a head that the chain has?

A release is answered under the vault's newest checkpoint, which nobody else may ever see. So for each folder that is
kept: (1) the use is verified anew: in the log, with the tag that the holder looks for, for our receipt; (2) the head
that was kept is of one history with the anchored one, and is replaced by an anchored one; (3) a day after the use that
must have been possible. A head that is of another history is written down as evidence: the two checkpoints, each signed
by the log, and the anchors. docs/spec/audit.md §5.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agency_cli.services import folders
from agency_cli.services.review import review, upgrade
from agency_cli.services.uses import Use
from client.checks import Desk
from client.facts import AnchoredHead, LedgerFacts
from client.log_evidence_file import Seen, keep_log_evidence
from client.log_reading import checkpoint_of
from client.session import Session
from protocol.errors import OneFileError, Unavailable, Untrusted
from protocol.tlog_proof import TlogProof

ANCHORED_WITHIN_S = 86_400
FORKS = frozenset({"equivocation", "consistency_proof", "rolled_back"})
State = Literal["stands", "waiting", "overdue", "wrong", "unknown", "gone"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One use. ``stands``: under an anchored head; ``waiting``: not yet, and it is early; ``gone``: nothing is kept."""

    use: Use
    state: State
    error: OneFileError | None = None
    evidence: Path | None = None


def check_uses(session: Session, desk: Desk, uses: Iterable[Use]) -> list[Checked]:
    """Check every use; raises nothing of ours."""
    return [_check(session, desk, use) for use in uses]


def _check(session: Session, desk: Desk, use: Use) -> Checked:
    if not use.kept or use.state != "done":
        return Checked(use, "gone")
    assert use.out is not None  # it is kept
    try:
        found = review(session, desk, use.out)
        if upgrade(session, desk, use.out, found):
            return Checked(use, "stands")
        return _waiting(session, use, found.record.at)
    except Unavailable as error:
        return Checked(use, "unknown", error)
    except OneFileError as error:
        return Checked(use, "wrong", error, _evidence(session, desk, use.out, error))


def _waiting(session: Session, use: Use, at: int) -> Checked:
    late = session.clock.now() - at
    if late <= ANCHORED_WITHIN_S:
        return Checked(use, "waiting")
    error = Untrusted("use_not_anchored", "the use is {late} seconds old and in no head that the chain has", late=late)
    return Checked(use, "overdue", error)


def _evidence(session: Session, desk: Desk, folder: Path, error: OneFileError) -> Path | None:
    """Both checkpoints, where the log contradicts itself or the chain."""
    if error.code not in FORKS:
        return None
    try:
        anchors, kept = desk.facts.anchors(), folders.read_use(folder).logged.proof
        notes = [TlogProof.parse(kept).checkpoint, *_of_same_size(session, checkpoint_of(kept, anchors).size)]
    except OneFileError:
        return None
    heads: list[AnchoredHead] = desk.facts.history.heads[-8:] if isinstance(desk.facts, LedgerFacts) else []
    seen = Seen(anchors.origin, anchors.vkey, notes, heads)
    return keep_log_evidence(
        session.profile.folder / "evidence", session.settings.home, error, seen, session.clock.now()
    )


def _of_same_size(session: Session, size: int) -> list[bytes]:
    """The heads that the vault shows now: of that very size, if it signed one, for then its own key convicts it."""
    found = [session.public_api.checkpoint()]
    with contextlib.suppress(OneFileError):  # it signed no other head of that size, or shows none
        found.insert(0, TlogProof.parse(session.public_api.proof(0, size)).checkpoint)
    return found
