"""Key rings: one age file for a dossier, which the vault keeps and can not open (docs/spec/keys.md §3 and §4).

It is replaced only by who names the one that is there, so that two devices that write at once do not lose a member or
a root. Members ask for it by a key of their own, since after a new root they have no key of the newest card.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import delete, insert, select, update

from protocol import wire_keys
from protocol.age_format import parse_header
from protocol.encoding import b64u, unb64u
from protocol.errors import Conflict, Denied, Malformed
from protocol.hashing import sha256
from protocol.jose import PublicJwk
from protocol.keycard import KeyCardEnvelope
from vault_api.callers import Holder
from vault_api.db import tables as t
from vault_api.db import tables_keys as k
from vault_api.http_auth import Signature
from vault_api.sequencer import Tx
from vault_api.vault import Vault
from vault_api.writes import Answer, write

HYBRID_TAG = "mlkem768x25519"


def put_ring(vault: Vault, holder: Holder, body: wire_keys.PutRing) -> Answer:
    """Keep a ring in place of ``previous``; ``Conflict("ring_changed")`` if another one is here."""
    ring = unb64u(body.ring, what="ring")
    _check_ring(ring)
    previous = None if body.previous is None else unb64u(body.previous, length=32, what="previous")
    keys = [PublicJwk.from_json(value) for value in body.keys]

    def work(tx: Tx) -> Answer:
        made = wire_keys.RingKept(sha256=b64u(sha256(ring)), at=tx.now)
        held = tx.conn.execute(select(k.rings.c.sha256).where(k.rings.c.dossier_row == holder.row)).scalar()
        if held == sha256(ring):
            return Answer.of(made)
        if held != previous:
            raise Conflict("ring_changed", "another key ring was put here since: fetch it first")
        row = {"ring": ring, "sha256": sha256(ring), "at": tx.now}
        if held is None:
            tx.conn.execute(insert(k.rings), {"dossier_row": holder.row, **row})
        else:
            tx.conn.execute(update(k.rings).where(k.rings.c.dossier_row == holder.row), row)
        _set_keys(tx, holder.row, keys)
        return Answer.of(made)

    # commit point: ring (docs/spec/durability.md §2)
    return write(vault.sequencer, holder.signature, work)


def own_ring(vault: Vault, holder: Holder) -> wire_keys.Ring:
    """The ring for who speaks for the dossier; ``Denied("ring_unknown")`` if none was ever put."""
    return _ring(vault, holder.row)


def members_ring(vault: Vault, signature: Signature) -> wire_keys.Ring:
    """The ring for a member: who signs with a key that the ring's last writer named."""
    wanted = select(k.ring_keys.c.dossier_row, k.ring_keys.c.jwk).order_by(k.ring_keys.c.row)
    with vault.engine.connect() as conn:
        found = conn.execute(wanted.where(k.ring_keys.c.thumbprint == signature.thumbprint).limit(1)).one_or_none()
    if found is None:
        raise Denied("ring_member_unknown", "no key ring here is for the key that signed")
    signature.verify(PublicJwk.from_json(json.loads(found.jwk)))
    return _ring(vault, found.dossier_row)


def _ring(vault: Vault, row: int) -> wire_keys.Ring:
    cards = select(t.cards.c.envelope).join(t.dossiers, t.dossiers.c.dossier == t.cards.c.subject)
    with vault.engine.connect() as conn:
        kept = conn.execute(select(k.rings).where(k.rings.c.dossier_row == row)).one_or_none()
        if kept is None:
            raise Denied("ring_unknown", "no key ring of this dossier is kept here")
        newest: Any = conn.execute(
            cards.where(t.dossiers.c.row == row).order_by(t.cards.c.seq.desc()).limit(1)
        ).scalar_one()
    return wire_keys.Ring(
        ring=b64u(kept.ring), sha256=b64u(kept.sha256), at=kept.at, card=KeyCardEnvelope.parse(newest).to_json()
    )


def _check_ring(ring: bytes) -> None:
    """An age file for hybrid readers alone: anything else would be kept here for others to read."""
    header, length = parse_header(ring)
    if {stanza.tag for stanza in header.stanzas} != {HYBRID_TAG} or length == len(ring):
        raise Malformed("ring_form", "a key ring is an age file with {tag} stanzas", tag=HYBRID_TAG)


def _set_keys(tx: Tx, row: int, keys: list[PublicJwk]) -> None:
    """Members that stay keep their rows: who comes later with the same key does not take their place."""
    column = k.ring_keys.c
    wanted = {key.thumbprint(): key for key in keys}
    held = set(tx.conn.execute(select(column.thumbprint).where(column.dossier_row == row)).scalars())
    gone = column.thumbprint.in_(held - wanted.keys())
    tx.conn.execute(delete(k.ring_keys).where(column.dossier_row == row, gone))
    for thumbprint in wanted.keys() - held:
        jwk = json.dumps(wanted[thumbprint].to_json())
        tx.conn.execute(insert(k.ring_keys), {"dossier_row": row, "thumbprint": thumbprint, "jwk": jwk})
