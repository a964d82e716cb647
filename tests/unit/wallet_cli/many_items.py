"""A dossier with more items than fit one request, laid into the vault's tables at once: depositing each takes too long.

What stands in the vault is what a deposit leaves there, but for the log: nothing here walks the history.
"""

from __future__ import annotations

import secrets

from client.session import Session
from client.store import ItemRecord
from protocol.encoding import b64u
from protocol.envelope import seal_bytes
from protocol.hashing import sha256
from protocol.recipients import HybridRecipient
from protocol.slips import Slip, SlipObject, item_commitment, sign_slip
from tests.wallet_stage import Agency, Stage, card_of
from vault_api.db import tables as t
from vault_api.db.engine import insert_row


def lay(stage: Stage, session: Session, issuer: Agency, count: int) -> list[bytes]:
    """So many small items of the holder, in the vault and synced to the wallet; their ids."""
    card = card_of(session)
    reader = HybridRecipient(card.sealing_key)
    with stage.vault.engine.begin() as conn:
        dossier_row = conn.execute(t.dossiers.select().where(t.dossiers.c.dossier == session.party.subject)).one().row
        ids = []
        for number in range(count):
            item, salt = secrets.token_bytes(32), secrets.token_bytes(32)
            part = seal_bytes(f"sample {number}".encode(), [reader])
            placed = SlipObject(sha256(part.payload), len(part.payload), sha256(part.header))
            slip = Slip(
                jti=b64u(secrets.token_bytes(16)),
                iat=stage.clock.now(),
                iss=issuer.urn,
                aud=stage.vault.origin,
                dossier=session.party.subject,
                item=item,
                item_commitment=item_commitment(salt, "sample"),
                card=card.card.digest(stage.domain("dossier_registry")),
                objects=(placed,),
            )
            raw = sign_slip(slip, issuer.present)
            row = {"item": item, "dossier_row": dossier_row, "issuer": issuer.urn, "jti": slip.jti, "slip": raw}
            item_row = insert_row(conn, t.items, {**row, "salt": salt, "idx": 0, "at": stage.clock.now()})
            held = {"item_row": item_row, "pos": 0, "payload": placed.payload, "size": placed.payload_size}
            conn.execute(t.objects.insert().values(**held, header=part.header))
            session.store.save_item(ItemRecord(item, "present", 0, number, raw, salt, (part.header,)))
            ids.append(item)
    return ids
