"""The uses that this agency has signed for: each receipt is on disk before it is sent.

    uses/<jti>.json   {v, receipt, state, out, use_no, at, doomed_at, deleted_at, report, reported, closed}

A use without a network is ``offline``: signed, and in no log, since the vault released nothing for it
(docs/spec/window.md §5). A receipt that was sent, or may have been, is ``pending`` until what it released lies verified
in its folder. Whoever runs the command again sends the same bytes, and the vault gives the same answer uncounted: no
crash and no broken connection burns a second use. The records stay: they say what was read, for what, and when it must
be deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from client.files import private_folder, read_json, write_json
from protocol.encoding import b64u
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.receipts import Receipt, parse_receipt
from protocol.signed import Signed

_VERSION = 1
_LIMIT = 256 << 10
_OUT_CHARS = 4096
State = Literal["pending", "done", "offline"]


@dataclass(frozen=True, slots=True)
class Use:
    """One receipt of ours. ``out``: the folder that holds what it released; ``use_no`` and ``at`` (seconds, by the
    vault) are None until the vault's answer was verified. ``doomed_at``, ``deleted_at``: when its deletion began and
    was done. ``report``: our signed report of it, ``reported`` its log index; ``closed``: nothing is left to do."""

    receipt: Signed[Receipt]
    state: State = "pending"
    out: Path | None = None
    use_no: int | None = None
    at: int | None = None
    doomed_at: int | None = None
    deleted_at: int | None = None
    report: str | None = None
    reported: int | None = None
    closed: bool = False

    @property
    def finished(self) -> bool:
        """Whether everything that it handed over is gone, and reported where somebody waits for a report."""
        return self.closed or (self.state == "offline" and self.deleted_at is not None)

    @property
    def jti(self) -> str:
        return self.receipt.body.jti

    @property
    def basis(self) -> str:
        """The grant's id or the session, as it stands in paths."""
        body = self.receipt.body
        return b64u(body.grant or body.show or b"")

    @property
    def kind(self) -> str:
        """``grant`` or ``show``."""
        return "show" if self.receipt.body.grant is None else "grant"

    @property
    def kept(self) -> bool:
        """Whether the folder is still there."""
        return self.out is not None and self.out.is_dir()

    def due(self, now: int) -> bool:
        """Whether the folder is still there beyond its time."""
        return self.kept and now > self.receipt.body.retain_until

    def done(self, out: Path | None, use_no: int | None, at: int | None) -> Self:
        """The use once everything that it released was verified."""
        return replace(self, state="done", out=out, use_no=use_no, at=at)


class Uses:
    """The receipts of one profile."""

    def __init__(self, profile: Path) -> None:
        self._folder = profile / "uses"

    def save(self, use: Use) -> None:
        """Keep a use; returns when it is on disk."""
        private_folder(self._folder)
        write_json(
            self._path(use.jti),
            {
                "v": _VERSION,
                "receipt": use.receipt.raw,
                "state": use.state,
                "out": None if use.out is None else str(use.out),
                "use_no": use.use_no,
                "at": use.at,
                "doomed_at": use.doomed_at,
                "deleted_at": use.deleted_at,
                "report": use.report,
                "reported": use.reported,
                "closed": use.closed,
            },
        )

    def drop(self, use: Use) -> None:
        """Forget a receipt that the vault never took."""
        self._path(use.jti).unlink(missing_ok=True)

    def pending(self, grant: bytes) -> Use | None:
        """The receipt for this grant whose use was not finished, the newest if there are several."""
        return next((use for use in self if use.state == "pending" and use.receipt.body.grant == grant), None)

    def __iter__(self) -> Iterator[Use]:
        """All uses, the newest first."""
        found = [_read(path) for path in self._folder.glob("*.json")]
        return iter(sorted(found, key=lambda use: (-use.receipt.body.iat, use.jti)))

    def _path(self, jti: str) -> Path:
        return self._folder / f"{jti}.json"


def _read(path: Path) -> Use:
    fields = Fields(read_json(path, limit=_LIMIT), "use")
    fields.uint("v", least=_VERSION, most=_VERSION)
    receipt = parse_receipt(fields.text("receipt", limit=_LIMIT))
    use = Use(
        receipt=receipt,
        state=_state(fields.text("state")),
        out=None if fields.is_null("out") else Path(fields.text("out", limit=_OUT_CHARS)),
        use_no=None if fields.is_null("use_no") else fields.uint("use_no"),
        at=None if fields.is_null("at") else fields.time("at"),
        **_ending(fields),
    )
    fields.done()
    return use


def _ending(fields: Fields) -> dict[str, Any]:
    """What a record of before there were reports does not say yet."""
    if not fields.has("closed"):
        return {}
    return {
        "doomed_at": None if fields.is_null("doomed_at") else fields.time("doomed_at"),
        "deleted_at": None if fields.is_null("deleted_at") else fields.time("deleted_at"),
        "report": None if fields.is_null("report") else fields.text("report", limit=_LIMIT),
        "reported": None if fields.is_null("reported") else fields.uint("reported"),
        "closed": fields.boolean("closed"),
    }


def _state(text: str) -> State:
    if text == "pending":
        return "pending"
    if text == "done":
        return "done"
    if text == "offline":
        return "offline"
    raise Malformed("field_form", "{field}: not of the expected form", field="use.state")
