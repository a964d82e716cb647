"""What can be seen of a real vault, in the words of the model, and whether its log is what it says.

The rows are read with plain SQL, and the log is computed anew from docs/spec/log.md with nothing but the standard
library: tags, links, commitments, the tree. Nothing of the system's own code is trusted to judge the system.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.stateful.acts_grants import AllActs


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def mac(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def tree(leaves: list[bytes]) -> bytes:
    """RFC 6962: the root over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\x01", tree(leaves[:split]), tree(leaves[split:]))


class Sight:
    """Reads one vault, step after step. What it read of the log before must never be otherwise."""

    def __init__(self, acts: AllActs) -> None:
        self.acts = acts
        self.db = sqlite3.connect(acts.rig.settings.vault_home / "vault.db")
        self.people = {person.dossier: name for name, person in acts.people.items()}
        self.parties = self.people | {bytes(12) + one.address: name for name, one in acts.agencies.items()}
        self.entries: list[tuple[str, str, Any]] = []
        self.leaves: list[bytes] = []
        self.last_entry: dict[str, bytes] = {}
        self.n: dict[str, int] = {}
        self.uris: dict[str, bytes] = {}
        self.checkpoints = 0
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(acts.rig.vault.log.vkey.split("+", 2)[2])[1:])

    def close(self) -> None:
        self.db.close()

    def rows(self, sql: str, *given: Any) -> list[Any]:
        return self.db.execute(sql, given).fetchall()

    def visible(self) -> dict[str, Any]:
        """As the model's."""
        self._read_log()
        grants = {given.id: i for i, given in reversed(list(enumerate(self.acts.grants)))}
        jtis = {deposit.slip.jti: i for i, deposit in enumerate(self.acts.items)}
        payloads = {deposit.slip.objects[0].payload: i for i, deposit in enumerate(self.acts.items)}
        return {
            "entries": list(self.entries),
            "last": self.rows("SELECT last_at FROM log_head")[0][0],
            "n": {self.people[d]: n for d, n in self.rows("SELECT dossier, next_n FROM dossiers")},
            "cards": self._cards(),
            "items": {jtis[jti]: (_state(left, gone), at) for jti, gone, at, *left in self.rows(_ITEMS)},
            "payloads": {payloads[d] for (d,) in self.rows("SELECT sha256 FROM payloads") if d in payloads},
            "grants": dict(self._grant(row) for row in self.rows(_GRANTS)),
            "relays": self.rows("SELECT count(*) FROM relays")[0][0],
            "chain": self._chain(),
            "spent": sorted(self._spent(grants)),
            "anchored": self.rows("SELECT coalesce(max(size), 1) FROM anchors")[0][0],
        }

    def _cards(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for subject, seq in self.rows("SELECT subject, seq FROM cards ORDER BY seq"):
            if subject in self.parties:
                found.setdefault(self.parties[subject], []).append(seq)
        return found

    def _grant(self, row: Any) -> tuple[int, Any]:
        number, ident, uses, last_use, ended, at = row
        # Of several with one id, the one that was posted: its envelope is what the entry commits to.
        (raw,) = self.rows("SELECT envelope FROM grants WHERE row = ?", number)[0]
        message = json.loads(raw)["grant"]
        tried = [i for i, given in enumerate(self.acts.grants) if given.id == ident]
        mine = next(
            i for i in tried if _hex(self.acts.grants[i].grant.scope[0].parcel) == message["scope"][0]["parcel"]
        )
        parcels = self.rows("SELECT count(parcel) FROM grant_parcels WHERE grant_row = ?", number)[0][0]
        headers = self.rows("SELECT item, released, header IS NULL FROM grant_headers WHERE grant_row = ?", number)
        places = {item.slip.item: self.acts.items.index(item) for item in self.acts.grants[mine].items}
        assert sum(not gone for _, _, gone in headers) == parcels, "headers and parcels go together"
        released = sorted(places[item] for item, handed, _ in headers if handed)
        return mine, (uses, last_use, ended, at, parcels, released)

    def _chain(self) -> dict[str, Any]:
        found = {}
        for name, person in self.acts.people.items():
            state = self.acts._state(person)
            if state is not None:
                accounts = self.acts.accounts(person)
                found[name] = (state.card_seq, state.grant_epoch, state.nonce, *accounts, state.frozen_until)
        return found

    def _spent(self, grants: dict[bytes, int]) -> list[int]:
        ledger = self.acts._ledger()
        return [i for ident, i in grants.items() if ledger.nullified_at(self.acts.grants[i].grant.nullifier)]

    # --- the log ----------------------------------------------------------------------------------

    def _read_log(self) -> None:
        raws = self.rows("SELECT idx, entry FROM entries WHERE idx >= ? ORDER BY idx", len(self.entries))
        for idx, raw in raws:
            assert idx == len(self.entries), "no entry is left out"
            self.entries.append(self._entry(idx, raw))
            self.leaves.append(sha(b"\x00", raw))
        for size, root, note in self.rows("SELECT size, root, note FROM checkpoints WHERE size > ?", self.checkpoints):
            self._checkpoint(size, root, note)
        assert self.checkpoints == len(self.entries), "what was answered is under a signed checkpoint"

    def _checkpoint(self, size: int, root: bytes, note: bytes) -> None:
        """Every checkpoint is over a beginning of the one list of entries: so each is consistent with each."""
        text, _, signature = note.decode().partition("\n\n")
        origin, said_size, said_root, *more = text.split("\n")
        assert (origin, said_size, more) == (self.acts.rig.origin, str(size), [])
        assert base64.b64decode(said_root) == root == tree(self.leaves[:size])
        self.key.verify(base64.b64decode(signature.split()[-1])[4:], text.encode() + b"\n")
        self.checkpoints = max(self.checkpoints, size)

    def _entry(self, idx: int, raw: bytes) -> tuple[str, str, Any]:
        entry = json.loads(raw)
        assert raw == json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        assert sorted(entry) == ["c", "pv", "t", "tag", "v"]
        found = self.rows(_EVENT, idx)
        if not found:
            return self._public(idx, entry, raw)
        dossier, tag_key, n, kind, salt, digest, thing, ident = found[0]
        name = self.people[dossier]
        assert (kind, n) == (entry["t"], self.n.get(name, 0))
        if salt is not None:
            assert digest == sha(thing)
            assert entry["c"] == b64url(sha(b"onefile/c/v1", salt, digest))
        before = self.last_entry.get(name, bytes(32))
        assert entry["pv"] == b64url(mac(tag_key, b"onefile/pv/v1", u64(n), before))
        about, tag = None, mac(tag_key, b"onefile/tag/v1", u64(n))
        if kind == "access":
            record = json.loads(thing)
            tag = mac(mac(tag_key, b"onefile/grant-tag/v1", ident), u64(record["use_no"]))
            about = (min(i for i, given in enumerate(self.acts.grants) if given.id == ident), record["use_no"])
        assert entry["tag"] == b64url(tag)
        self.last_entry[name], self.n[name] = sha(raw), n + 1
        return kind, name, about

    def _public(self, idx: int, entry: dict[str, Any], raw: bytes) -> tuple[str, str, Any]:
        if idx:
            ((uri, thing),) = self.rows("SELECT uri, object FROM public_entries WHERE idx = ?", idx)
            assert entry["tag"] == b64url(sha(b"onefile/public/v1", uri.encode()))
            assert entry["c"] == b64url(sha(b"onefile/c/v1", bytes(32), sha(thing)))
            assert entry["pv"] == b64url(self.uris.get(uri, bytes(32)))
            self.uris[uri] = sha(raw)
        return entry["t"], "", None


_ITEMS = """
    SELECT jti, deleted_at, items.at, slip, items.salt, events.salt, events.object,
        (SELECT max(header) FROM objects WHERE item_row = items.row),
        (SELECT max(1) FROM idempotency WHERE idempotency.idx = items.idx)
    FROM items JOIN events ON events.idx = items.idx
"""
_GRANTS = "SELECT row, grant_id, uses, last_use_at, ended_at, at FROM grants ORDER BY row"
_EVENT = """
    SELECT dossier, tag_key, n, events.t, salt, object_sha256, object, grant_id FROM events
    JOIN dossiers ON dossiers.row = events.dossier_row LEFT JOIN grants ON grants.row = grant_row WHERE events.idx = ?
"""


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _state(left: list[Any], deleted_at: int | None) -> str:
    """An item is present, or deleted: then nothing is left of what opened it (the last is a remembered answer)."""
    *kept, answer = left
    if deleted_at is None:
        return "present" if None not in kept else "present, and in part destroyed"
    return "deleted" if not any(kept) and not answer else "deleted, and something is left"
