"""Key cards: kept beside their hashes on chain, so that others can seal to a party (docs/spec/keycard.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select

from protocol import wire, wire_batch
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Conflict, Denied
from protocol.hashing import ZERO32
from protocol.identifiers import agency_subject
from protocol.jose import PublicJwk
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard, verify_key_card
from vault_api.callers import parsed_card
from vault_api.chain_facts import AGENCY, DOSSIER, unconfirmed
from vault_api.db import tables as t
from vault_api.db.engine import insert_row
from vault_api.db.prepared import Prepared
from vault_api.http_auth import Signature
from vault_api.logbook import log_event
from vault_api.sequencer import Tx
from vault_api.vault import Vault
from vault_api.writes import Answer, write

_DOSSIER_ROW: Prepared[Any] = Prepared(select(t.dossiers.c.row).where(t.dossiers.c.dossier == bindparam("dossier")))

_CARD: Prepared[Any] = Prepared(
    select(t.cards.c.envelope).where(t.cards.c.subject == bindparam("subject")).order_by(t.cards.c.seq.desc()).limit(1)
)


def query_card(vault: Vault, subject: bytes) -> wire.Card:
    """The newest stored card of a subject, whose hash is the newest on chain; ``Denied("card_unknown")``."""
    (found,) = query_cards(vault, [subject]).cards
    if found is None:
        raise Denied("card_unknown", "no key card of this subject is kept here")
    return found


def query_cards(vault: Vault, subjects: Sequence[bytes]) -> wire_batch.Cards:
    """The same for several; None where there is no card."""
    with vault.engine.connect() as conn:
        found = [_CARD.first(conn, {"subject": subject}) for subject in subjects]
    return wire_batch.Cards(cards=[row and wire.Card(card=parsed_card(row.envelope).to_json()) for row in found])


def verified_dossier_card(vault: Vault, value: Any, dossier: bytes) -> tuple[KeyCardEnvelope, VerifiedKeyCard]:
    """A card envelope of ``dossier``, which must be the newest that the registry keeps."""
    envelope = KeyCardEnvelope.from_json(value)
    vault.facts.forget(DOSSIER, dossier)  # a card that was published a moment ago must be found
    recorded = vault.facts.dossier(dossier).state.card_hash
    if recorded == ZERO32:
        raise unconfirmed()
    card = verify_key_card(envelope, vault.dossier_domain, subject=dossier, recorded=[recorded])
    _newest(card.hash, recorded)
    return envelope, card


def put_dossier_card(vault: Vault, signature: Signature, value: Any) -> Answer:
    """Keep a holder's next card and log it (entry ``key``).

    The request is signed by the key of the new card, or by that of the former one.
    """
    dossier = KeyCardEnvelope.from_json(value).card.subject
    envelope, card = verified_dossier_card(vault, value, dossier)
    signature.verify(_signing_key(vault, signature, card))

    def work(tx: Tx) -> Answer:
        row = dossier_row(tx, dossier)
        keep_card(tx, DOSSIER, dossier, envelope, card)
        logged = log_event(tx, row, "key", envelope.raw)
        return Answer.of(logged.wire(), index=logged.index)

    # commit point: dossier (docs/spec/durability.md §2)
    return write(vault.sequencer, signature, work)


def open_dossier(vault: Vault, signature: Signature, body: wire.OpenDossier, tag_key: bytes) -> Answer:
    """Begin to keep a dossier that is open on chain: its first card here, its tag key, entry n = 0."""
    dossier = unhex0x(body.dossier, length=32, what="dossier")
    envelope, card = verified_dossier_card(vault, body.card, dossier)
    signature.verify(card.present_key)

    def work(tx: Tx) -> Answer:
        if tx.conn.execute(select(t.dossiers.c.row).where(t.dossiers.c.dossier == dossier)).first():
            raise Conflict("dossier_exists", "this dossier is kept here already")
        row = insert_row(
            tx.conn,
            t.dossiers,
            {
                "dossier": dossier,
                "tag_key": tag_key,
                "next_n": 0,
                "last_entry": ZERO32,
                "opened_at": tx.now,
            },
        )
        keep_card(tx, DOSSIER, dossier, envelope, card)
        logged = log_event(tx, row, "key", envelope.raw)
        return Answer.of(logged.wire(), 201, index=logged.index)

    # commit point: key card (docs/spec/durability.md §2)
    return write(vault.sequencer, signature, work)


def put_agency_card(vault: Vault, signature: Signature, account: bytes, value: Any) -> Answer:
    """Keep an agency's card, which must be the newest that the registry keeps."""
    from vault_api.services.agencies import agency_row

    envelope = KeyCardEnvelope.from_json(value)
    vault.facts.forget(AGENCY, account)
    known = vault.facts.agency(account)
    recorded = known.state.card.hash if known.state.card is not None else ZERO32
    card = verify_key_card(envelope, vault.agency_domain, subject=agency_subject(account), recorded=[recorded])
    _newest(card.hash, recorded)
    signature.verify(card.present_key)

    def work(tx: Tx) -> Answer:
        keep_card(tx, AGENCY, agency_subject(account), envelope, card)
        return Answer.of(agency_row(known, envelope.to_json(), tx.now))

    # commit point: key card (docs/spec/durability.md §2)
    return write(vault.sequencer, signature, work)


def keep_card(tx: Tx, kind: str, subject: bytes, envelope: KeyCardEnvelope, card: VerifiedKeyCard) -> None:
    """Store a verified card; ``Conflict`` if it is stored already."""
    if tx.conn.execute(select(t.cards.c.row).where(t.cards.c.card_hash == card.hash)).first():
        raise Conflict("card_exists", "this key card is kept here already")
    tx.touch(kind, subject[12:] if kind == AGENCY else subject)  # other processes remember the card before it
    row = {
        "subject": subject,
        "kind": kind,
        "seq": card.card.seq,
        "card_hash": card.hash,
        "thumbprint": card.thumbprint,
        "envelope": envelope.raw,
        "stored_at": tx.now,
    }
    tx.conn.execute(insert(t.cards), row)


def dossier_row(tx: Tx, dossier: bytes) -> int:
    """The number of a dossier in this database; ``Denied("dossier_unknown")`` if it is not kept here."""
    found = _DOSSIER_ROW.first(tx.conn, {"dossier": dossier})
    if found is None:
        raise Denied("dossier_unknown", "this vault does not keep the dossier")
    row: int = found.row
    return row


def _signing_key(vault: Vault, signature: Signature, card: VerifiedKeyCard) -> PublicJwk:
    """The new card's key, or the former card's if that is the one that signed."""
    if signature.thumbprint == card.thumbprint:
        return card.present_key
    with vault.engine.connect() as conn:
        raw = conn.execute(select(t.cards.c.envelope).where(t.cards.c.card_hash == card.card.previous)).scalar()
    if raw is None:
        raise Denied("signature_key_unknown", "no key card with this key is known here")
    return KeyCardEnvelope.parse(raw).present_key


def _newest(got: bytes, recorded: bytes) -> None:
    if got != recorded:
        raise Conflict(
            "card_superseded",
            "the registry's newest key card is {want}, not {got}",
            want=hex0x(recorded),
            got=hex0x(got),
        )
