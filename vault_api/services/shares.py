"""Recovery shares: each an age file for one guardian, which the vault keeps and can not open (docs/spec/recovery.md).

A holder's shares are replaced all together, so that guardians never hold shares of two splits. Whoever may see the
box of a guardian is that guardian alone; the vault knows who guards whom, and no share.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from protocol import wire, wire_shares
from protocol.age_format import parse_header
from protocol.encoding import b64u, hex0x, unb64u, unhex0x
from protocol.errors import Denied, Malformed
from protocol.hashing import sha256
from vault_api.callers import Holder
from vault_api.db import tables as t
from vault_api.db import tables_shares as s
from vault_api.pages import Page, page_of
from vault_api.sequencer import Tx
from vault_api.services.cards import dossier_row
from vault_api.vault import Vault
from vault_api.writes import Answer, write

HYBRID_TAG = "mlkem768x25519"


def post_shares(vault: Vault, holder: Holder, body: wire_shares.PostShares) -> Answer:
    """Keep these shares in place of all that the dossier posted before."""
    found = [(unhex0x(row.guardian, length=32, what="guardian"), _share(row.share)) for row in body.shares]

    def work(tx: Tx) -> Answer:
        guardians = [dossier_row(tx, guardian) for guardian, _share in found]
        if len(set(guardians)) != len(guardians) or holder.row in guardians:
            raise Denied("share_guardians", "each guardian is given one share, and nobody guards himself")
        tx.conn.execute(delete(s.shares).where(s.shares.c.dossier_row == holder.row))
        for guardian, (_id, share) in zip(guardians, found, strict=True):
            row = {"dossier_row": holder.row, "guardian_row": guardian, "share": share, "at": tx.now}
            tx.conn.execute(insert(s.shares), row)
        return Answer.of(wire_shares.SharesKept(kept=len(found)))

    # commit point: share (docs/spec/durability.md §2)
    return write(vault.sequencer, holder.signature, work)


def list_shares(vault: Vault, holder: Holder, page: Page) -> wire.Page[wire_shares.Share]:
    """The shares that this dossier was given to keep, in the order in which they came."""
    wanted = (
        select(s.shares.c.row, s.shares.c.share, s.shares.c.at, t.dossiers.c.dossier)
        .join(t.dossiers, t.dossiers.c.row == s.shares.c.dossier_row)
        .where(s.shares.c.guardian_row == holder.row, s.shares.c.row > page.after)
    )
    with vault.engine.connect() as conn:
        rows = conn.execute(wanted.order_by(s.shares.c.row).limit(page.limit + 1)).all()
    return page_of(
        page,
        [(row.row, row) for row in rows],
        lambda row: wire_shares.Share(
            dossier=hex0x(row.dossier), share=b64u(row.share), sha256=b64u(sha256(row.share)), at=row.at
        ),
    )


def _share(text: str) -> bytes:
    """An age file for one hybrid reader: anything else would be kept here for others to read."""
    raw = unb64u(text, what="share")
    header, length = parse_header(raw)
    if [stanza.tag for stanza in header.stanzas] != [HYBRID_TAG] or length == len(raw):
        raise Malformed("share_form", "a share is an age file with one {tag} stanza", tag=HYBRID_TAG)
    return raw
