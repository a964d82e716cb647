"""What is true of a holder's dossier, asked of the vault and the chain themselves, and compared with a profile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from client import deployment as deployments
from client.session import Session
from client.store import ItemRecord
from client.toolkey import tool_key
from client.trust import read_trust
from protocol import wire
from protocol.encoding import unb64u
from protocol.entries import entry_hash
from protocol.errors import OneFileError
from protocol.grant import GrantEnvelope
from protocol.hashing import ZERO32, sha256
from protocol.merkle import leaf_hash
from protocol.merkle import root as tree_root
from protocol.note import Checkpoint, Vkey, verify_checkpoint
from protocol.signatures import recover
from protocol.statements import parse_statement
from protocol.tlog_proof import verify_tlog_proof
from tests.wallet_stage import Stage
from vault_api.db import tables as t
from vault_api.pages import Page
from vault_api.services import mine

ALL = Page(after=0, limit=200)


class Truth:
    """The log and one dossier as they are in the vault's own tables."""

    def __init__(self, stage: Stage, dossier: bytes) -> None:
        self.stage = stage
        with stage.vault.engine.connect() as conn:
            self.entries = list(conn.execute(t.entries.select().order_by(t.entries.c.idx)))
            row = conn.execute(t.dossiers.select().where(t.dossiers.c.dossier == dossier)).first()
        self.leaves = [leaf_hash(row.entry) for row in self.entries]
        self.rows: list[dict[str, Any]] = []
        self.items: dict[bytes, wire.Item] = {}
        if row is not None:
            holder: Any = SimpleNamespace(row=row.row)  # nothing else of a caller is looked at
            self.rows = [r.model_dump(mode="json") for r in mine.list_events(stage.vault, holder, ALL).rows]
            self.items = {unb64u(r.item): r for r in mine.list_items(stage.vault, holder, ALL).rows}

    # --- the profile ----------------------------------------------------------------------------------

    def check(self, session: Session) -> None:
        """Nothing false stands in the profile."""
        self.check_history(session)
        self.check_head(session)
        for record in session.store.items():
            self.check_item(session, record)
        self.check_payloads(session)
        self.check_grants(session)
        self.check_trust(session)
        self.check_party(session)

    def check_history(self, session: Session) -> None:
        kept = list(session.store.history())
        assert len(kept) <= len(self.rows), "the profile keeps events that never were"
        for n, (row, true) in enumerate(zip(kept, self.rows, strict=False)):
            assert row["receipt"] in {true["receipt"], None}, f"event {n} has another receipt"
            assert row["grant"] is row["show"] is None, "the profile keeps what it can't check"
            for part in ("index", "entry"):
                assert row["logged"][part] == true["logged"][part], f"event {n} has another {part}"
            for part in ("opening", "object"):
                if true["logged"][part] is not None and row["logged"][part] is not None:
                    assert row["logged"][part] == true["logged"][part], f"event {n} has another {part}"

    def check_head(self, session: Session) -> None:
        state = session.store.log_head()
        if state.head.n:
            last = self.rows[state.head.n - 1]["logged"]
            assert state.head.index == last["index"]
            assert state.head.entry_hash == entry_hash(unb64u(last["entry"]))
        else:
            assert state.head.entry_hash == ZERO32
        if state.checkpoint:
            self.check_checkpoint(verify_checkpoint(state.checkpoint, self.stage.vault.origin, self.vkey))

    @property
    def vkey(self) -> Vkey:
        return Vkey.parse(self.stage.vault.log.vkey)

    def check_checkpoint(self, head: Checkpoint) -> None:
        assert head.size <= len(self.leaves), "a head of entries that are not in the log"
        assert head.root == tree_root(self.leaves[: head.size]), "a head of another history"

    def check_item(self, session: Session, record: ItemRecord) -> None:
        true = self.items.get(record.item)
        assert true is not None, "the profile keeps an item that the dossier does not have"
        assert record.index == true.index, "the item stands at another leaf"
        if true.state == "present":
            assert record.state == "present", "the profile holds an item for deleted that is there"
            assert record.slip == true.slip
            assert record.salt == unb64u(true.item_salt) or record.damaged == "item_commitment"
            assert record.headers == tuple(unb64u(header) for header in true.headers)
            assert record.opening is not None
            assert wire.Opening(**record.opening.to_json()) == true.opening
        if record.entry:
            assert record.entry == self.entries[record.index].entry
            index, head = verify_tlog_proof(record.proof, record.entry, self.stage.vault.origin, self.vkey)
            assert index == record.index
            self.check_checkpoint(head)
        if record.claimed_at is not None:
            assert record.slip is None or self.claimed(record), "the profile holds an item for claimed that is not"

    def claimed(self, record: ItemRecord) -> bool:
        """Whether the holder's word about the item is in the log, or the item is the holder's own."""
        from protocol.slips import parse_slip

        return parse_slip(record.slip or "").body.own or any(
            word.kind == "claim" and word.item == record.item for word in self.statements()
        )

    def statements(self) -> list[Any]:
        found = []
        for row in self.rows:
            raw = row["logged"]["object"]
            try:
                found.append(parse_statement(unb64u(raw) if raw else b"").body)
            except OneFileError:
                continue
        return found

    def check_payloads(self, session: Session) -> None:
        for path in (session.profile.folder / "objects").glob("*"):
            if path.name.endswith(".payload.arriving"):
                continue  # what has come of a broken transfer is kept for the next try; nobody opens it before its end
            assert path.name == path.stem + ".payload", f"{path.name} was left behind"
            assert sha256(path.read_bytes()) == unb64u(path.stem), "a payload that is not what its name says"

    def check_grants(self, session: Session) -> None:
        domain = deployments.grant_domain(self.stage.ledger.deployment)
        for kept in session.store.grants():
            envelope = GrantEnvelope.from_json(kept["envelope"])
            assert recover(envelope.digest(domain), envelope.signature) == session.party.controller
            agency = self.stage.ledger.agency(envelope.grant.agency)
            assert agency is not None
            assert agency.name == kept["agency_name"], "the person was told another agency's name"
            assert envelope.grant.agency_card == agency.cards[-1].hash
            state = self.stage.ledger.dossier(session.party.subject)
            assert state is not None
            assert envelope.grant.grant_epoch == state.grant_epoch

    def check_trust(self, session: Session) -> None:
        if not session.profile.trust_file.exists():
            return
        kept = read_trust(session.profile.trust_file, [tool_key(session.settings.home).public_jwk().thumbprint()])
        for anchor in kept.anchors:
            assert anchor.root == tree_root(self.leaves[: anchor.size]), "an anchored head of another history"
        domain = deployments.agency_domain(self.stage.ledger.deployment)
        for agency in kept.agencies:
            state = self.stage.ledger.agency(agency.facts.account)
            assert state is not None
            hashes = {card.hash for card in state.cards}
            for card in agency.cards:
                assert card.card.digest(domain) in hashes, "the key card of an attacker is trusted"

    def check_party(self, session: Session) -> None:
        party, log = session.party, deployments.pinned(session.profile).log
        if log is not None:
            assert (log.origin, log.vkey) == (self.stage.vault.origin, self.stage.vault.log.vkey)
        state = self.stage.ledger.dossier(party.subject)
        if party.opened:
            assert state is not None, "the profile holds a dossier for open that the chain does not know"
            assert party.card_seq <= state.card_seq, "the profile signs with a card that the chain does not have"
