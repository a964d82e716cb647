"""Deleting what a use handed over when its time is up, and saying so in the log (docs/spec/notices.md §6).

Delete first, report afterwards, and report nothing that was not deleted. (1) What is to be deleted is written down.
(2) The folder is taken out of sight by renaming it, then destroyed with every remainder of a broken-off use beside it.
(3) That it is gone is written down. (4) The report is signed, written down, and sent until the log has it. A crash
between any two of these is made up by the next run. A folder that somebody else has moved is not reported as deleted.
"""

from __future__ import annotations

import contextlib
import glob
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agency_cli.services import folders
from agency_cli.services.saying import say
from agency_cli.services.uses import Use, Uses
from client.files import read_bounded
from client.session import Session
from protocol.errors import Denied, OneFileError, Untrusted

State = Literal["due", "reported", "deleted", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Deletion:
    """One use whose time is up. ``deleted``: gone, and the report is not in the log yet or needs none.

    ``missing``: the folder is not where it was kept, and we did not delete it. ``failed``: it is still there.
    """

    use: Use
    state: State
    error: OneFileError | None = None


def due(session: Session, now: int) -> list[Use]:
    """Uses whose time is up and whose deletion is not finished, the oldest first."""
    found = [use for use in Uses(session.profile.folder) if now > use.receipt.body.retain_until and not use.finished]
    return found[::-1]


def run(session: Session, *, gone: Iterable[str] = ()) -> list[Deletion]:
    """Delete and report everything that is due. ``gone``: receipts (jti) whose folders a person says were destroyed."""
    uses, sure = Uses(session.profile.folder), frozenset(gone)
    unknown = sure - {use.jti for use in uses}
    if unknown:
        raise Denied("use_not_found", "there is no use in {path}: it has no use.json", path=min(unknown))
    return list(_each(session, uses, sure))


def _each(session: Session, uses: Uses, sure: frozenset[str]) -> Iterator[Deletion]:
    for use in due(session, session.clock.now()):
        try:
            yield _one(session, uses, use, sure=use.jti in sure)
        except OneFileError as error:
            here = next(one for one in uses if one.jti == use.jti)  # as far as it came
            yield Deletion(here, "deleted" if here.deleted_at is not None else "failed", error)


def _one(session: Session, uses: Uses, use: Use, *, sure: bool) -> Deletion:
    if use.deleted_at is None:
        if _is_missing(use) and not sure:
            return Deletion(use, "missing")
        use = _delete(session, uses, use)
    if use.state == "offline":
        return Deletion(use, "deleted")  # no log has it: nobody waits for a report
    body = use.receipt.body
    try:
        index = say(
            session,
            use.report,
            lambda raw: uses.save(replace(use, report=raw)),
            "retention",
            about=use.receipt.hash,
            grant=body.grant,
        )
    except Denied as error:
        if error.code != "receipt_unknown" or use.state == "done":
            raise
        # A receipt that the vault never took: nothing was handed over, and nothing is to be reported.
        index = None
    use = replace(next(one for one in uses if one.jti == use.jti), reported=index, closed=True)
    uses.save(use)
    return Deletion(use, "deleted" if index is None else "reported")


def _is_missing(use: Use) -> bool:
    """Whether a folder was finished there, is there no more, and nobody of us has begun to delete it."""
    if use.out is None or use.doomed_at is not None or use.state != "done":
        return False
    return not use.out.exists()


def _delete(session: Session, uses: Uses, use: Use) -> Use:
    """Steps (1) to (3)."""
    use = replace(use, doomed_at=use.doomed_at or session.clock.now())
    uses.save(use)
    if use.out is not None:
        _destroy(use, use.out)
    use = replace(use, deleted_at=session.clock.now())
    uses.save(use)
    return use


def _destroy(use: Use, folder: Path) -> None:
    aside = folder.with_name(f".{folder.name[:64]}.{use.jti}.deleting")
    if folder.is_symlink() or folder.exists():
        _check_ours(use, folder)
        with _told(folder):
            folder.rename(aside)
    beside = folder.parent.glob(f".{glob.escape(folder.name[:64])}.*.part") if folder.parent.is_dir() else ()
    for left in (aside, *beside):
        if left.exists():
            with _told(left):
                shutil.rmtree(left)


def _check_ours(use: Use, folder: Path) -> None:
    """Only what this very use handed over is deleted, whatever a record says of where it lies."""
    receipt = folder / "receipt.jws"
    ours = not folder.is_symlink() and receipt.is_file()
    if not ours or read_bounded(receipt, limit=folders.MAX_FILE) != use.receipt.raw.encode("ascii"):
        raise Untrusted("folder_foreign", "{path} does not hold this use: it was not deleted", path=str(folder))


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Denied("not_deleted", "{path} was not deleted: {reason}", path=str(path), reason=reason) from None
