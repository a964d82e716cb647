"""Dropping a root that nothing needs any more: only when told, never by itself.

A root is needed while a header of an item is sealed to one of its key cards, and while a credential is bound to the
present key of one: that key signs its presentations until the issuer binds it anew. The thumbprints of dropped cards
stay known (``dropped.json``), since old statements in the log were signed with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from client.session import Session
from protocol.errors import Denied
from protocol.keyring import RingRoot
from wallet_cli.services import opening, own_cards, registration, rewrapping, rings


@dataclass(frozen=True, slots=True)
class Needs:
    """``droppable`` roots, oldest first; ``reasons``: item and why it keeps an older root."""

    droppable: tuple[RingRoot, ...]
    reasons: tuple[tuple[str, str], ...]


def needs(session: Session) -> Needs:
    """What the items that were synced still need; the newest published root is always needed."""
    newest = registration.adopt_newest_card(session)
    roots = session.keys.roots
    held, reasons = newest, []
    for seq, item, reason in _held(session):
        held = min(held, seq)
        if root_number(roots, seq) < root_number(roots, newest):
            reasons.append((item, reason))
    return Needs(roots[: root_number(roots, held)], tuple(reasons))


def drop(session: Session, found: Needs) -> None:
    """Forget the droppable roots: in the ring first, so that no device finds them there again."""
    registration.require_controller(session)
    left = session.keys.roots[len(found.droppable) :]
    own_cards.remember(session, left[0].seq)
    if rings.fetch(session) is not None:
        rings.update(session, lambda ring: replace(ring, roots=left))
    session.replace_keys(session.keys.with_roots(left))


def root_number(roots: tuple[RingRoot, ...], seq: int) -> int:
    """Which of the roots card ``seq`` was derived from."""
    return max(number for number, entry in enumerate(roots) if number == 0 or entry.seq <= seq)


def _held(session: Session) -> Iterator[tuple[int, str, str]]:
    """For every item the oldest card that it needs, and what for. An item that does not open needs every root."""
    hashes = _card_numbers(session)
    by_key = {session.keys.present(seq).public_jwk(): seq for seq in _seqs(session)}
    for found in opening.open_all(session):
        if not isinstance(found, opening.OpenedItem):
            yield session.keys.oldest, found[0].id, "damaged"
            continue
        yield hashes.get(rewrapping.sealed_to(found.record), session.keys.oldest), found.record.id, "header"
        if found.credential is not None:
            yield by_key.get(found.credential.key, session.party.card_seq), found.record.id, "binding"


def _card_numbers(session: Session) -> dict[bytes, int]:
    """The cards of the dossier by their hashes, from the chain: the vault could name any number."""
    state = session.ledger.dossier(session.party.subject)
    if state is None:
        raise Denied("dossier_unknown", "the registry knows no such dossier")
    return {state.card_hash: state.card_seq}


def _seqs(session: Session) -> range:
    return range(session.keys.oldest, session.party.card_seq + 1)
