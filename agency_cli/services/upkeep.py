"""What a reader owes every use that it keeps: within a day, proofs under an anchored head.

A log that showed the reader one head and anchored another is caught here at the latest, with both checkpoints in hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agency_cli.services.review import review, upgrade
from agency_cli.services.uses import Use
from client.checks import Desk
from client.session import Session
from protocol.errors import OneFileError


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One folder: whether its proofs now stand under anchored heads, or what is wrong with it."""

    use: Use
    anchored: bool
    error: OneFileError | None = None


def upgrade_kept(session: Session, desk: Desk, uses: Iterable[Use]) -> list[Upkeep]:
    """Verify every folder that is kept, and replace its proofs where the chain has come further."""
    return [_upgrade(session, desk, use) for use in uses if use.kept]


def _upgrade(session: Session, desk: Desk, use: Use) -> Upkeep:
    assert use.out is not None  # it is kept
    try:
        found = review(session, desk, use.out)
        return Upkeep(use, upgrade(session, desk, use.out, found))
    except OneFileError as error:
        return Upkeep(use, anchored=False, error=error)
