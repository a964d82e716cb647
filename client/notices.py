"""The notices of one profile: fetched, kept on this machine, and judged by what was signed (docs/spec/notices.md §3).

    notices/<digest>.json   {v, notice, answer, index}     one notice; ``answer``: our acknowledgement, as it was signed
    notices/cursor.json     {v, next}                      where the next fetch goes on

What was fetched stays here whatever the vault shows later. A statement is kept once, under however many notices it
comes: a replayed one is nothing new. A notice without a statement is the vault's word and gives nobody a right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from client import deployment as deployments
from client.checks import Desk
from client.files import private_folder, read_json, write_json
from client.session import Session
from protocol.errors import Malformed, OneFileError, Unavailable, Untrusted
from protocol.facts import DossierFacts
from protocol.hashing import sha256
from protocol.identifiers import parse_agency_urn, parse_dossier_urn
from protocol.keycard import KeyCardEnvelope, verify_key_card
from protocol.registered_cards import check_in_force_at
from protocol.signed import Signed, check_audience
from protocol.statements import Statement, parse_statement
from protocol.wire_notices import BY_THE_VAULT, Notice, Notices

MAX_PAGES = 1000  # of one fetch: what is more comes with the next one
_VERSION = 1
_CURSOR = "cursor.json"
_DOSSIER = "urn:onefile:dossier:"
Ask = Callable[[str | None, int], Notices]


@dataclass(frozen=True, slots=True)
class Kept:
    """A notice as it was kept. ``answer``: our signed acknowledgement; ``index``: its log entry once it has one."""

    notice: Notice
    answer: str | None = None
    index: int | None = None

    @property
    def name(self) -> str:
        """By what people name it: the beginning of a digest of what was said."""
        raw = self.notice.statement or f"{self.notice.kind} {self.notice.id}"
        return sha256(raw.encode("utf-8")).hex()[:32]

    @property
    def said(self) -> Signed[Statement]:
        """The statement, parsed and not verified; ``Malformed`` if there is none or it is of another kind."""
        if self.notice.statement is None:
            raise Malformed("notice_unsigned", "the notice carries no statement, and its kind is not the vault's")
        signed = parse_statement(self.notice.statement)
        if signed.body.kind != self.notice.kind:
            raise Malformed(
                "notice_kind",
                "the notice is called {got} and carries a {want}",
                got=self.notice.kind,
                want=signed.body.kind,
            )
        return signed

    def to_json(self) -> dict[str, Any]:
        notice = self.notice.model_dump(mode="json")
        return {"v": _VERSION, "notice": notice, "answer": self.answer, "index": self.index}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read ``to_json``'s object; ``Malformed`` on anything else."""
        try:
            return cls(Notice.model_validate(value["notice"]), value["answer"], value["index"])
        except (KeyError, TypeError, ValidationError):
            raise Malformed("store", "a local file of the wallet is garbled: run sync again") from None


class NoticeBox:
    """The notices of one profile on this machine."""

    def __init__(self, profile: Path) -> None:
        self._folder = profile / "notices"

    def fetch(self, ask: Ask, wait_s: int = 0) -> list[Kept]:
        """Take what is new; waits up to ``wait_s`` if nothing is. What came is on disk when this returns."""
        private_folder(self._folder)
        fresh: list[Kept] = []
        for _ in range(MAX_PAGES):
            page = self._cursor()
            answer = ask(page, 0 if fresh else wait_s)
            fresh += [kept for kept in map(Kept, answer.rows) if self._is_new(kept)]
            write_json(self._folder / _CURSOR, {"v": _VERSION, "next": answer.next})
            if not answer.more or answer.next == page:
                break
        return fresh

    def save(self, kept: Kept) -> Kept:
        """Keep it as it is now; returns when it is on disk."""
        write_json(self._path(kept), kept.to_json())
        return kept

    def __iter__(self) -> Iterator[Kept]:
        """All notices that were ever fetched, in the order in which the vault had them."""
        paths = (path for path in self._folder.glob("*.json") if path.name != _CURSOR)
        found = [Kept.from_json(read_json(path)) for path in paths]
        return iter(sorted(found, key=lambda kept: (kept.notice.at, kept.notice.id)))

    def _is_new(self, kept: Kept) -> bool:
        if self._path(kept).exists():
            return False
        self.save(kept)
        return True

    def _cursor(self) -> str | None:
        path = self._folder / _CURSOR
        if not path.exists():
            return None
        token = read_json(path).get("next")
        return token if isinstance(token, str) else None

    def _path(self, kept: Kept) -> Path:
        return self._folder / f"{kept.name}.json"


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice after it was judged. ``state``: signed, vault (its word alone), unknown, or false with ``code``."""

    kept: Kept
    state: str
    code: str = "ok"
    error: OneFileError | None = None

    @property
    def believed(self) -> bool:
        """Whether somebody signed it whom the chain knows."""
        return self.state == "signed"


def judge(session: Session, desk: Desk, kept: Kept) -> Heard:
    """Who said it, by the chain: the vault brings statements and makes none."""
    if kept.notice.kind in BY_THE_VAULT:
        return Heard(kept, "vault")
    try:
        verify_said(session, desk, kept.said, kept.notice.card)
    except Unavailable as error:
        return Heard(kept, "unknown", error.code, error)
    except OneFileError as error:
        return Heard(kept, "false", error.code, error)
    return Heard(kept, "signed")


def verify_said(session: Session, desk: Desk, said: Signed[Statement], card: dict[str, Any] | None = None) -> None:
    """Raise unless the party that a statement names signed it, with a key card of its own that was in force.

    ``card``: the signer's full card, if it came along; it counts only where the chain keeps its hash.
    """
    check_audience(said.body.aud, session.log.origin)
    envelope = None if card is None else KeyCardEnvelope.from_json(card)
    if said.body.iss.startswith(_DOSSIER):
        _verify_holder(session, desk, said, envelope)
    else:
        _verify_agency(desk, said, envelope)


def _verify_agency(desk: Desk, said: Signed[Statement], envelope: KeyCardEnvelope | None) -> None:
    account = parse_agency_urn(said.body.iss).account
    if envelope is not None:
        desk.cards.add(envelope)
    card = desk.issuer_card(account, said.jws.kid)
    check_in_force_at(card, desk.facts.agency(account), said.body.iat)
    said.verified_by(card.present_key)


def _verify_holder(session: Session, desk: Desk, said: Signed[Statement], envelope: KeyCardEnvelope | None) -> None:
    dossier = parse_dossier_urn(said.body.iss)
    facts = desk.facts.dossier(dossier)
    if envelope is None:
        envelope = KeyCardEnvelope.from_json(session.public_api.card(dossier).card)
    recorded = [fact.hash for fact in facts.cards]
    card = verify_key_card(envelope, deployments.dossier_domain(session.deployment), subject=dossier, recorded=recorded)
    _check_not_revoked(facts, card.hash, said.body.iat)
    said.verified_by(card.present_key)


def _check_not_revoked(facts: DossierFacts, card_hash: bytes, at: int) -> None:
    """Whoever stole a key that a newer card revokes says nothing in the holder's name any more."""
    card = facts.card(card_hash)
    assert card is not None  # the chain keeps it, or it would not have been verified
    if any(card.seq < later.revoked_below and later.since <= at for later in facts.cards):
        raise Untrusted("holder_card_revoked", "the holder had revoked this key by {at}", at=at)


def acknowledged(kept: Kept, answer: str, index: int | None = None) -> Kept:
    """The notice with our acknowledgement: before it is sent, and once it stands in the log at ``index``."""
    return replace(kept, answer=answer, index=index)
