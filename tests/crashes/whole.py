"""What must hold of a vault after it was killed or its disk failed, as its own database and its readers see it.

*Whole*: the tiles lead to the signed root and hold the entries that the database holds; the holder's history has no gap;
every acknowledged write is there once, at the place that was told; uses are numbered without a gap; no bytes lie
about of which nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from chain.events import Anchored
from protocol.encoding import unb64u
from protocol.entries import Opening
from protocol.hashing import sha256
from protocol.history import Logged, verify_history
from protocol.merkle import Frontier
from protocol.note import Vkey, verify_checkpoint
from protocol.tiles import VerifiedTileReader
from tests.vault_stage import DAY, VaultStage
from vault_api.db import tables as t
from vault_api.services.payloads import remove_doomed

if TYPE_CHECKING:
    from tests.crashes.matrix import Request

Told = dict[str, Any]


def check_whole(stage: VaultStage, alice: Any, answered: Sequence[tuple[Request, Told]]) -> None:
    """Everything, each time that a vault has started."""
    check_log(stage)
    _check_history(stage, alice)
    _check_uses(stage)
    check_bytes(stage)
    for request, told in answered:
        if request.kind == "anchor":
            _check_anchor(stage, told)
            continue
        assert presence(stage, request) == "whole", request.kind
        assert place(stage, request) == place_told(request, told), request.kind


def check_repeated(stage: VaultStage, request: Request, told: Told | None) -> Told:
    """What an unacknowledged write left is all or nothing; the same request again has the answer that it had."""
    found = presence(stage, request)
    assert found in {"absent", "whole"}, f"a {request.kind} is {found}"
    assert told is None or found == "whole", f"an acknowledged {request.kind} is {found}"
    again = request.send(stage)
    assert again is not None
    assert told is None or lasting(request, again) == lasting(request, told)
    assert presence(stage, request) == "whole"
    assert place(stage, request) == place_told(request, again)
    return again


def lasting(request: Request, told: Told) -> Told:
    """Of an answer what is the same each time: a proof is under the newest head, and a publisher anchors the newest."""
    if request.kind == "anchor":
        return {}
    return {name: value for name, value in told.items() if request.kind != "release" or name != "proof"}


def place_told(request: Request, told: Told) -> Any:
    """Where an answer says that the write stands."""
    if request.kind == "anchor":
        return True
    return told["logged"]["index"] if request.kind == "release" else told["index"]


def place(stage: VaultStage, request: Request) -> Any:
    """Where it stands."""
    if request.kind == "anchor":
        return True
    rows = _events(stage, request)
    return rows[0] if len(rows) == 1 else rows


def presence(stage: VaultStage, request: Request) -> str:
    """``absent``, ``whole``, or what there is of it."""
    if request.kind == "anchor":
        return _anchors(stage)
    parts = {"entry": len(_events(stage, request)), **_rows(stage, request)}
    if set(parts.values()) == {0}:
        return "absent"
    return "whole" if set(parts.values()) == {1} else str(parts)


def _events(stage: VaultStage, request: Request) -> list[int]:
    """The log entries of a write."""
    with stage.vault.engine.connect() as conn:
        if request.kind == "release":
            wanted = select(t.releases.c.idx).where(t.releases.c.receipt_sha256 == sha256(request.about.encode()))
        elif request.kind == "revoke":
            wanted = (
                select(t.events.c.idx)
                .join(t.grants, t.grants.c.row == t.events.c.grant_row)
                .where(t.grants.c.grant_id == request.about.id, t.events.c.t == "revoke")
            )
        else:
            wanted = select(t.events.c.idx).where(t.events.c.object_sha256 == sha256(_object(request)))
        return list(conn.execute(wanted).scalars())


def _object(request: Request) -> bytes:
    name = {"deposit": "slip", "note": "statement"}.get(request.kind)
    if name is not None:
        return str(request.body[name]).encode()
    return bytes(request.about.envelope().raw)


def _rows(stage: VaultStage, request: Request) -> dict[str, int]:
    """What belongs to a write beside its entry: how often it is there, as 0 or 1 where all is well."""
    about = request.about
    with stage.vault.engine.connect() as conn:

        def count(table: Any, *where: Any) -> int:
            return conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()

        if request.kind == "deposit":
            payloads = [part.payload for part in about.slip.objects]
            return {
                "item": count(t.items, t.items.c.item == about.item),
                "objects": count(t.objects, t.objects.c.payload.in_(payloads)),
            }
        if request.kind == "grant":
            return {"grant": count(t.grants, t.grants.c.grant_id == about.id)}
        if request.kind == "revoke":
            ended = (t.grants.c.grant_id == about.id, t.grants.c.ended_at.is_not(None))
            waits = count(t.chain_revokes, t.chain_revokes.c.secret == about.secret)
            spent = stage.vault.ledger.nullified_at(about.grant.nullifier) is not None
            return {"ended": count(t.grants, *ended), "for the chain": max(waits, int(spent))}
        if request.kind == "release":
            receipt = sha256(about.encode())
            joined = t.releases.join(t.events, t.events.c.idx == t.releases.c.idx)
            return {"use": count(joined, t.releases.c.receipt_sha256 == receipt, t.events.c.t == "access")}
        return {}


def _anchors(stage: VaultStage) -> str:
    """Each head is anchored once; whole if the newest is."""
    sizes = _anchored(stage)
    assert len(sizes) == len(set(sizes))
    return "whole" if sizes[-1:] == [stage.vault.log.size] else "absent"


def _anchored(stage: VaultStage) -> list[int]:
    happened = stage.chain.events(0, stage.chain.head.number)
    return [event.size for event in happened if isinstance(event, Anchored) and event.size > 1]


def _check_anchor(stage: VaultStage, told: Told) -> None:
    """It is on the chain, and recorded as it is there."""
    assert told["size"] in _anchored(stage)
    with stage.vault.engine.connect() as conn:
        rows = conn.execute(select(t.anchors.c.root).where(t.anchors.c.size == told["size"])).scalars()
        assert [root.hex() for root in rows] == [told["root"]]


# --- the vault as a whole -------------------------------------------------------------------------


def check_log(stage: VaultStage) -> None:
    """Log, tiles and database are of one mind."""
    head = verify_checkpoint(stage.vault.log.head.note, stage.origin, Vkey.parse(stage.vault.log.vkey))
    reader = VerifiedTileReader(head.size, head.root, stage.vault.log.read_tile)
    entries = [entry for n in range(-(-head.size // 256)) for entry in reader.entries(n)]
    with stage.vault.engine.connect() as conn:
        stored = list(conn.execute(select(t.entries.c.entry).order_by(t.entries.c.idx)).scalars())
        events = conn.execute(select(func.count()).select_from(t.events)).scalar_one()
        later = t.public_entries.c.idx > 0  # where the log has had several keys, its first entry has a row, too
        public = conn.execute(select(func.count()).select_from(t.public_entries).where(later)).scalar_one()
        frontier = Frontier.parse(conn.execute(select(t.log_head.c.frontier)).scalar_one())
    assert entries == stored
    assert (frontier.size, frontier.root()) == (head.size, head.root)
    assert events + public == head.size - 1


def _check_history(stage: VaultStage, alice: Any) -> None:
    found, path = [], "/v1/me/log"
    while path:
        answer = stage.get(alice, path).json()
        for row in answer["rows"]:
            logged = row["logged"]
            opening = Opening.from_json(logged["opening"])
            found.append(Logged(logged["index"], unb64u(logged["entry"]), opening, unb64u(logged["object"])))
        path = f"/v1/me/log?page={answer['next']}" if answer["next"] else ""
    verify_history(alice.tag_key, found)


def _check_uses(stage: VaultStage) -> None:
    with stage.vault.engine.connect() as conn:
        grants = conn.execute(select(t.grants.c.row, t.grants.c.uses)).all()
        uses = conn.execute(select(t.releases.c.grant_row, t.releases.c.use_no)).all()
    for row, count in grants:
        assert sorted(use_no for grant_row, use_no in uses if grant_row == row) == list(range(1, count + 1))


def check_bytes(stage: VaultStage) -> None:
    """Of all bytes somebody knows: those that are kept, and those that will go when their day is over."""
    with stage.vault.engine.connect() as conn:
        kept = set(conn.execute(select(t.payloads.c.sha256)).scalars())
        awaited = set(conn.execute(select(t.doomed.c.sha256).where(t.doomed.c.at <= stage.clock.now() + DAY)).scalars())
    lying = payloads_of(stage)
    assert kept <= lying <= kept | awaited


def payloads_of(stage: VaultStage) -> set[bytes]:
    """The digests of all payloads in the blob store."""
    blobs: Any = stage.vault.blobs
    names = [name for name in blobs.objects if name.startswith("payloads/")]
    return {bytes.fromhex(name.rpartition("/")[2]) for name in names}


def check_no_orphans(stage: VaultStage) -> int:
    """A day later nothing is left but what an item names; how many were removed."""
    before = payloads_of(stage)
    stage.clock.advance(DAY + 1)
    while stage.vault.sequencer.call(lambda tx: remove_doomed(stage.vault, tx)):
        pass
    with stage.vault.engine.connect() as conn:
        named = set(conn.execute(select(t.objects.c.payload)).scalars())
    assert payloads_of(stage) == named
    return len(before - named)
