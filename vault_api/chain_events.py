"""What the vault does about an event of the chain, inside a sequencer transaction.

Facts that an event touches become stale. What takes rights away is done at once: a spent nullifier and a new epoch
end grants here too, destroy their headers and parcels, and are logged as ``revoke``. Doing it twice does nothing more,
so events may come again after a reorganisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from chain import events as e
from protocol.identifiers import agency_subject
from protocol.revocations import EpochChange, Revocation
from vault_api.chain_facts import AGENCY, DOSSIER, ChainFacts, mark_stale
from vault_api.db import tables as t
from vault_api.db.tables_chain import revoked
from vault_api.log_keys import forget_named, note_named
from vault_api.logbook import log_event
from vault_api.sequencer import Tx
from vault_api.services.grants import close_grants, end_grant

_OfDossier = (
    e.DossierOpened
    | e.DossierRotated
    | e.DossierFrozen
    | e.DossierRecovered
    | e.RecoveryVetoed
    | e.GuardiansProposed
)


class ChainEvents:
    """Applies events for one log. ``facts`` is told to forget what an event touched."""

    def __init__(self, facts: ChainFacts, origin_hash: bytes) -> None:
        self._facts = facts
        self._origin_hash = origin_hash
        self._handlers: dict[type[Any], Callable[[Tx, Any], None]] = {
            e.DossierOpened: self._dossier,
            e.DossierRotated: self._dossier,
            e.DossierFrozen: self._dossier,
            e.DossierRecovered: self._dossier,
            e.RecoveryVetoed: self._dossier,
            e.GuardiansProposed: self._dossier,
            e.EpochBumped: self._epoch,
            e.Nullified: self._nullified,
            e.CardPublished: self._card,
            e.AgencyAdmitted: self._admitted,
            e.RoleSet: self._agency,
            e.RoleEnded: self._agency,
            e.IssueAllowed: self._agency,
            e.IssueEnded: self._agency,
            e.CardCompromised: self._agency,
            e.Anchored: self._anchored,
            e.LogVkeyRotated: self._rotated,
        }

    def apply(self, tx: Tx, events: Sequence[e.Event]) -> None:
        """Do what these events ask for; kinds that do not concern the vault are passed over."""
        for event in events:
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(tx, event)

    def undo(self, tx: Tx, above: int) -> None:
        """Forget what stood in blocks above ``above``, which a reorganisation has dropped.

        A grant that ended then stays ended, and its nullifier is brought to the chain again; a nullifier that nobody
        has used here is free again.
        """
        for secret in tx.conn.execute(select(revoked.c.secret).where(revoked.c.block > above)).scalars().all():
            to_be_sent(tx, secret)
        tx.conn.execute(delete(t.anchors).where(t.anchors.c.block > above))
        tx.conn.execute(delete(t.nullified).where(t.nullified.c.block > above))
        forget_named(tx.conn, above)

    def _dossier(self, tx: Tx, event: _OfDossier) -> None:
        self._touch_dossier(tx, event.dossier)

    def _agency(self, tx: Tx, event: Any) -> None:
        self._touch_agency(tx, event.account)

    def _admitted(self, tx: Tx, event: e.AgencyAdmitted) -> None:
        there = select(t.admitted.c.row).where(t.admitted.c.account == event.account)
        if tx.conn.execute(there).first() is None:
            tx.conn.execute(insert(t.admitted), {"account": event.account})
        self._agency(tx, event)

    def _card(self, tx: Tx, event: e.CardPublished) -> None:
        if not event.of_agency:
            self._touch_dossier(tx, event.subject)
            return
        self._touch_agency(tx, event.subject[12:])

    def _touch_dossier(self, tx: Tx, dossier: bytes) -> None:
        mark_stale(tx.conn, DOSSIER, dossier)
        tx.touch(DOSSIER, dossier)
        self._facts.forget(DOSSIER, dossier)

    def _touch_agency(self, tx: Tx, account: bytes) -> None:
        mark_stale(tx.conn, AGENCY, agency_subject(account))
        tx.touch(AGENCY, account)
        self._facts.forget(AGENCY, account)

    def _epoch(self, tx: Tx, event: e.EpochBumped) -> None:
        self._touch_dossier(tx, event.dossier)
        row = tx.conn.execute(select(t.dossiers.c.row).where(t.dossiers.c.dossier == event.dossier)).scalar()
        if row is None:
            return
        ended = select(t.grants.c.row).where(
            t.grants.c.dossier_row == row, t.grants.c.epoch < event.grant_epoch, t.grants.c.ended_at.is_(None)
        )
        grants = list(tx.conn.execute(ended).scalars())
        if grants:
            change = EpochChange(event.grant_epoch, event.at.tx_hash)
            logged = log_event(tx, row, "revoke", change.serialise())
            close_grants(tx, grants, logged.index)

    def _nullified(self, tx: Tx, event: e.Nullified) -> None:
        note_spent(tx, event.secret, event.at.block.number, known=self._is_ours(tx, event))
        tx.conn.execute(delete(t.nullified).where(t.nullified.c.nullifier == event.nullifier))
        spent = {"nullifier": event.nullifier, "at": event.at.block.time, "block": event.at.block.number}
        tx.conn.execute(insert(t.nullified), spent)
        wanted = select(t.grants).where(
            t.grants.c.nullifier == event.nullifier, t.grants.c.ended_at.is_(None)
        )
        row = tx.conn.execute(wanted).one_or_none()
        if row is not None:
            end_grant(tx, row, Revocation(row.grant_id, event.secret).serialise())

    def bury(self, tx: Tx, below: int) -> None:
        """Blocks below ``below`` do not leave the chain any more: what was brought there needs no care."""
        tx.conn.execute(delete(revoked).where(revoked.c.block < below))

    def _is_ours(self, tx: Tx, event: e.Nullified) -> bool:
        known = select(t.grants.c.row).where(t.grants.c.nullifier == event.nullifier)
        return tx.conn.execute(known).first() is not None

    def _anchored(self, tx: Tx, event: e.Anchored) -> None:
        if event.origin_hash != self._origin_hash:
            return
        tx.conn.execute(delete(t.anchors).where(t.anchors.c.size == event.size))
        tx.conn.execute(
            insert(t.anchors),
            {
                "size": event.size,
                "root": event.root,
                "checkpoint_hash": event.checkpoint_hash,
                "tx": event.at.tx_hash,
                "block": event.at.block.number,
                "block_hash": event.at.block.hash,
                "block_time": event.at.block.time,
            },
        )

    def _rotated(self, tx: Tx, event: e.LogVkeyRotated) -> None:
        if event.origin_hash == self._origin_hash:
            note_named(tx.conn, event.vkey, event.at.block.number)


def note_spent(tx: Tx, secret: bytes, block: int, *, known: bool) -> None:
    """A nullifier was spent in a block: nothing is to be sent. Of a grant that is ``known`` here the block is
    remembered, whoever brought it there: if that leaves the chain, it is sent again."""
    tx.conn.execute(delete(t.chain_revokes).where(t.chain_revokes.c.secret == secret))
    tx.conn.execute(delete(revoked).where(revoked.c.secret == secret))
    if known:
        tx.conn.execute(insert(revoked), {"secret": secret, "block": block})


def to_be_sent(tx: Tx, secret: bytes) -> None:
    """A nullifier is to be spent on chain."""
    tx.conn.execute(delete(revoked).where(revoked.c.secret == secret))
    tx.conn.execute(delete(t.chain_revokes).where(t.chain_revokes.c.secret == secret))
    tx.conn.execute(insert(t.chain_revokes), {"secret": secret, "at": tx.now})
