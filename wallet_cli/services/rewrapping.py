"""Wrapping headers anew: after a rotation every item is sealed to the newest key card; payloads are never touched.

There is no list of what is left to do: an item that is not sealed to the newest card is left to do. So the work can
break off anywhere, on any device, and goes on where it was. The local record changes only after the vault's, and
the vault changes only for a word that the holder signed (``protocol/rewraps.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from client.session import Session
from client.store import ItemRecord
from protocol import wire, wire_keys
from protocol.encoding import b64u
from protocol.envelope import header_for, unwrap
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.keycard import VerifiedKeyCard
from protocol.recipients import HybridRecipient
from protocol.rewraps import Rewrap, parse_rewrap, sign_rewrap, verify_rewrap
from protocol.slips import Slip, parse_slip
from wallet_cli.services.registration import newest_card

BATCH_BYTES = 4 << 20  # of headers as text; the vault takes 16 MiB


@dataclass(slots=True)
class RewrapReport:
    """``wrapped`` now, ``already`` before, of ``total``; ``refused``: item and code of what could not be wrapped."""

    card_seq: int
    wrapped: int = 0
    already: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    total: int = 0

    @property
    def done(self) -> int:
        """How many need nothing any more."""
        return self.wrapped + self.already


@dataclass(frozen=True, slots=True)
class _Row:
    record: ItemRecord
    headers: tuple[bytes, ...]
    wire: wire_keys.Rewrap


Tell = Callable[[RewrapReport], None]


def rewrap(session: Session, tell: Tell | None = None, *, ask: Callable[[], None] | None = None) -> RewrapReport:
    """Wrap what is not yet sealed to the newest card; harmless to repeat. Works on what was synced.

    ``tell`` hears how far it is, at the beginning and after each request. ``ask`` is called before each item and
    raises if the work shall end here.
    """
    card = newest_card(session)
    report = RewrapReport(card.card.seq)
    present, left = divided(session, card)
    report.total, report.already = len(present), len(present) - len(left)
    hear = tell or (lambda _report: None)
    hear(report)
    for batch in _batches(_wrapped(session, card, left, report, ask or (lambda: None))):
        _send(session, batch, report)
        hear(report)
    return report


def divided(session: Session, card: VerifiedKeyCard) -> tuple[list[ItemRecord], list[ItemRecord]]:
    """The items that are here, and those of them that are not sealed to ``card``."""
    present = [record for record in session.store.items() if record.slip is not None]
    return present, [record for record in present if sealed_to(record) != card.hash]


def sealed_to(record: ItemRecord) -> bytes:
    """The hash of the key card that an item's headers are sealed to."""
    assert record.slip is not None
    return parse_slip(record.slip).body.card if record.rewrap is None else parse_rewrap(record.rewrap).body.card


def check_headers(
    session: Session, row: wire.Item, slip: Slip, headers: tuple[bytes, ...], known: ItemRecord | None
) -> None:
    """The headers are those that the slip names, or those of our own newest word; ``Untrusted`` otherwise."""
    digests, seq = tuple(sha256(header) for header in headers), 0
    named = tuple(part.header for part in slip.objects)
    if row.rewrap is not None:
        seq, named = _our_word(session, row.rewrap, slip.item)
    if digests != named:
        raise Untrusted("item_headers", "the headers of item {item} are not those that its slip names", item=row.item)
    if known is not None and known.rewrap is not None and _our_word(session, known.rewrap, slip.item)[0] > seq:
        raise Untrusted("headers_rolled_back", "the vault gave older headers of item {item} back", item=row.item)


def _our_word(session: Session, raw: str, item: bytes) -> tuple[int, tuple[bytes, ...]]:
    """The number of the card that a word of ours is for, and the digests in it."""
    kid, party, keys = parse_rewrap(raw).jws.kid, session.party, session.keys
    for seq in range(party.card_seq, keys.oldest - 1, -1):
        key = keys.present(seq).public_jwk()
        if key.thumbprint() == kid:
            urn = dossier_urn(party.subject)
            return seq, verify_rewrap(raw, key, log=session.log.origin, dossier=urn, item=item).body.headers
    raise Untrusted("rewrap_key", "the new headers are not signed by a key card of this dossier")


def _wrapped(
    session: Session,
    card: VerifiedKeyCard,
    records: Iterable[ItemRecord],
    report: RewrapReport,
    ask: Callable[[], None],
) -> Iterator[_Row]:
    reader = HybridRecipient(card.sealing_key)
    by = session.keys.identities(card.card.seq)
    signer, now = session.keys.present(card.card.seq), session.clock.now()
    urn, log = dossier_urn(session.party.subject), session.log.origin
    for record in records:
        ask()
        try:
            headers = tuple(header_for(unwrap(header, by), [reader]) for header in record.headers)
        except (Denied, Malformed, Untrusted) as error:
            report.refused.append((record.id, error.code))
            continue
        digests = tuple(sha256(header) for header in headers)
        raw = sign_rewrap(Rewrap(now, urn, log, record.item, card.hash, digests), signer)
        row = wire_keys.Rewrap(rewrap=raw, headers=[b64u(header) for header in headers])
        yield _Row(record, headers, row)


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for row in rows:
        more = sum(len(header) for header in row.wire.headers)
        if batch and (len(batch) == wire_keys.MAX_REWRAPS or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += more
    if batch:
        yield batch


def _send(session: Session, batch: list[_Row], report: RewrapReport) -> None:
    answers: list[OneFileError | None] = session.api.rewrap([row.wire for row in batch])
    for row, problem in zip(batch, answers, strict=True):
        if problem is not None:
            report.refused.append((row.record.id, problem.code))
            continue
        session.store.save_headers(row.record, row.headers, row.wire.rewrap)
        report.wrapped += 1
