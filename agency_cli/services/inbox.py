"""The grants that this agency was given, as the vault lists them and as their holders signed them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from client.session import Session
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.errors import Denied, Untrusted
from protocol.grant import AccessGrant, GrantEnvelope

_ID_CHARS = 43
SOON_S = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Given:
    """One grant: what its holder signed, and what the vault says of it (state, uses, when it was posted)."""

    envelope: GrantEnvelope
    row: wire.GrantRow

    @property
    def grant(self) -> AccessGrant:
        return self.envelope.message

    @property
    def id(self) -> str:
        """The grant's id as people and paths see it."""
        return self.envelope.id

    def renewable(self, now: int) -> bool:
        """Whether a holder may be asked for it again: it ran out, is used up, or ends soon, and nobody revoked it."""
        if self.row.state in {"expired", "used_up"}:
            return True
        return self.row.state == "live" and self.grant.not_after - now <= SOON_S


def given(session: Session) -> Iterator[Given]:
    """Every grant that the vault has for us; the signature is not checked here."""
    return (_read(row) for row in session.api.grants())


def find_grant(session: Session, wanted: str) -> Given:
    """The grant of this id, or the one whose id begins so; ``Denied("grant_not_found")`` if not exactly one."""
    if len(wanted) == _ID_CHARS:
        try:
            return _read(session.api.grant(unb64u(wanted, length=32, what="grant")), wanted)
        except Denied as error:
            if error.code != "grant_unknown":
                raise
            raise _not_found(wanted, 0) from None
    found = [one for one in given(session) if wanted and one.id.startswith(wanted)]
    if len(found) != 1:
        raise _not_found(wanted, len(found))
    return found[0]


def _read(row: wire.GrantRow, wanted: str | None = None) -> Given:
    envelope = GrantEnvelope.from_json(row.envelope)
    if b64u(envelope.grant.grant_id) != (wanted or row.grant):
        raise Untrusted("grant_other", "the vault sent another grant than the one asked for")
    return Given(envelope, row)


def _not_found(wanted: str, count: int) -> Denied:
    return Denied(
        "grant_not_found",
        "{count} grants for this agency have an id that begins with {grant}",
        count=count,
        grant=wanted,
    )
