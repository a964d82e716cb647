"""The log as it is published: tiles and bundles in the blob store, signed checkpoints in the database.

Written by the sequencer alone (``store``, then ``sign``); read by everybody. Blobs lie under ``log/`` by their
C2SP path. Of a partial tile only the widest is kept: a narrower one of the same place is its beginning, and
is cut from it when somebody asks with an older checkpoint.

Cannot sign what it has not stored: ``sign`` refuses a head whose entries ``store`` has not made durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select

from protocol import merkle, note, tiles, tlog_proof
from protocol.errors import Denied, Unavailable, Untrusted
from protocol.merkle import Frontier, leaf_hashes
from protocol.note import Checkpoint, FormerKey, NoteSigner
from vault_api.blobs import BlobStore
from vault_api.db import tables as t
from vault_api.db.engine import WRITER
from vault_api.db.signals import tell
from vault_api.log_keys import KEPT, LOG_KEYS, LogKeys, check_key, keys_of, parsed

PREFIX = "log/"
_NEWEST = select(t.checkpoints, KEPT.scalar_subquery().label(LOG_KEYS)).order_by(t.checkpoints.c.size.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest signed head and its note."""

    size: int
    root: bytes
    note: bytes


class LogStore:
    """Tiles, bundles and checkpoints of one log. ``store``, ``sign`` and ``refresh`` belong to the sequencer's thread.

    ``follows``: another process signs; this one reads, and ``follow`` moves its head on.
    """

    def __init__(
        self, engine: Engine, blobs: BlobStore, signer: NoteSigner, *, follows: bool = False
    ) -> None:
        self._engine = engine
        self._blobs = blobs
        self._signer = signer
        self._own = str(signer.vkey)
        self._follows = follows
        self._head, self._keys = self._newest()
        self._stored = self._head.size
        self._edge: dict[str, bytes] = {}  # partial tiles up to the stored size, by path; their bytes never change
        self._cache = tiles.TileCache()
        self._passed: list[str] = []  # partial tiles that a wider one has replaced

    @property
    def origin(self) -> str:
        """The log's name, and the name of its key."""
        return self._signer.name

    @property
    def vkey(self) -> str:
        """The verifier key of its checkpoints, as text: the present one."""
        return self._keys.present

    @property
    def former(self) -> tuple[FormerKey, ...]:
        """The keys that signed before it, oldest first."""
        return self._keys.former

    @property
    def size(self) -> int:
        """How many entries the newest signed checkpoint covers."""
        return self._head.size

    @property
    def head(self) -> Head:
        """The newest signed head."""
        if not self._head.note:
            raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
        return self._head

    # --- writing --------------------------------------------------------------------------------

    def store(self, entries: Sequence[bytes]) -> None:
        """Make durable the tiles and bundles that ``entries`` (from the signed size on) complete or widen.

        Returns when they are; writing the same again after a failure is harmless.
        """
        size = self._head.size
        written = tiles.appended_tiles(size, leaf_hashes(entries), self._read_edge)
        written |= tiles.appended_bundles(size, entries, self._read_edge)
        for path, data in written.items():
            self._blobs.put(PREFIX + path, data)
        # commit point: tile (docs/spec/durability.md §3)
        self._stored = size + len(entries)
        edge = {ref.path for ref in _edge_of(self._stored)}
        self._passed += [ref.path for ref in _edge_of(size) if ref.path not in edge]
        self._edge = {path: data for path, data in (self._edge | written).items() if path in edge}

    def sign(
        self, frontier: Frontier, at: int, fence: Callable[[Connection], None] = lambda _conn: None
    ) -> None:
        """Sign and persist the checkpoint of ``frontier``; from then on readers see it.

        ``fence``: asked in the transaction that persists; raises where another process signs by now. So does the
        key: ``Conflict("log_key_former")`` where another one has replaced it.
        """
        if frontier.size != self._stored:
            raise Unavailable("sequencer_late", "the log has not caught up yet; send the same request again")
        root = frontier.root()
        raw = note.sign_checkpoint(Checkpoint(self.origin, frontier.size, root), self._signer)
        row = {"size": frontier.size, "root": root, "note": raw, "at": at}
        with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            fence(conn)
            check_key(conn, self._own)
            conn.execute(insert(t.checkpoints), row)
            tell(conn, "signed")
        # commit point: checkpoint (docs/spec/durability.md §3)
        self._head = Head(frontier.size, root, raw)
        self._drop_passed()

    def refresh(self) -> bool:
        """Read the newest checkpoint again, which another process may have signed; whether there was a newer one."""
        head, self._keys = self._newest()
        newer = head.size > self._head.size
        if newer:
            self._head = head
        self._stored = self._head.size
        edge = {ref.path for ref in _edge_of(self._stored)}
        self._edge = {path: data for path, data in self._edge.items() if path in edge}
        return newer

    def follow(self) -> None:
        """See the newest checkpoint, where another process signs; nothing where this one does."""
        if not self._follows:
            return
        head, self._keys = self._newest()
        if head.size > self._head.size:
            self._head = head
            edge = {ref.path for ref in _edge_of(head.size)}
            self._edge = {path: data for path, data in self._edge.items() if path in edge}

    def check(self, frontier: Frontier) -> None:
        """Raise ``Untrusted("log_damaged")`` unless the stored tiles lead to the signed head's root.

        ``frontier`` is the database's; asked once at start-up, so that a damaged log is never extended.
        """
        size = self._head.size
        if size and tiles.TileReader(size, self.read_tile).root() != self._head.root:
            raise Untrusted(
                "log_damaged", "the tiles of size {size} do not lead to the signed root", size=size
            )
        if size > frontier.size:
            raise Untrusted(
                "log_damaged_head",
                "the database has {got} entries, the newest checkpoint covers {want}",
                got=frontier.size,
                want=size,
            )

    def _read_edge(self, path: str) -> bytes | None:
        kept = self._edge.get(path)
        if kept is not None:
            return kept
        raw = self._blobs.get(PREFIX + path)
        if self._follows and raw is not None and ".p/" in path:
            self._edge[path] = raw  # until the log has outgrown it
        return raw

    def _drop_passed(self) -> None:
        # Only a saving of room: what stays behind after a failure is never read.
        try:
            for path in self._passed:
                self._blobs.delete(PREFIX + path)
        except Unavailable:
            return
        self._passed = []

    # --- reading --------------------------------------------------------------------------------

    def read_tile(self, path: str) -> bytes | None:
        """A tile or bundle of the signed log by its path; ``None`` beyond it. ``Malformed`` for no path."""
        ref = tiles.parse_tile_path(path)
        for _ in range(3):  # the right edge may move on between looking and reading
            size = self._head.size
            if size >> (tiles.TILE_HEIGHT * (ref.level or 0)) < ref.n * tiles.TILE_WIDTH + ref.width:
                return None
            stored = tiles.tile_at(size, ref.level, ref.n)
            raw = self._read_edge(stored.path)  # a proof of what was just logged asks no store
            if raw is not None:
                return tiles.beginning(raw, stored, ref.width)
            self.follow()
        raise Unavailable("tile_missing", "the tile {path} is not there", path=path)

    def node_reader(self, size: int) -> tiles.TileReader:
        """Nodes of the tree of ``size`` leaves, for proofs."""
        return tiles.TileReader(size, self.read_tile, self._cache)

    def checkpoint(self, size: int) -> bytes:
        """The persisted checkpoint of exactly that size; ``Denied("checkpoint_unknown")`` if none."""
        self._reach(size)
        if size == self._head.size:
            return self._head.note
        raw: bytes | None = None
        if size < self._head.size:  # a number of any size may be asked for, and the database holds 63 bits
            with self._engine.connect() as conn:
                raw = conn.execute(select(t.checkpoints.c.note).where(t.checkpoints.c.size == size)).scalar()
        if raw is None:
            raise Denied("checkpoint_unknown", "there is no checkpoint of size {size}", size=size)
        return raw

    def proof(self, index: int, size: int | None = None) -> str:
        """The tlog-proof of leaf ``index`` under the checkpoint of ``size``, by default the newest."""
        self._reach(index + 1)
        head = self.head
        wanted = head.size if size is None else size
        raw = head.note if size is None else self.checkpoint(wanted)
        hashes = merkle.inclusion_proof(index, wanted, self.node_reader(wanted).node)
        return tlog_proof.TlogProof(index=index, hashes=tuple(hashes), checkpoint=raw).serialise().decode()

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The RFC 9162 proof from size ``first`` to ``second``, both within the signed log."""
        self._reach(second)
        if second > self._head.size:
            raise Denied("checkpoint_unknown", "there is no checkpoint of size {size}", size=second)
        return merkle.consistency_proof(first, second, self.node_reader(second).node)

    def _reach(self, size: int) -> None:
        """Look again where another process signs, if a caller knows of more than this one has seen."""
        if size > self._head.size:
            self.follow()

    def _newest(self) -> tuple[Head, LogKeys]:
        with self._engine.connect() as conn:
            row = conn.execute(_NEWEST).one_or_none()
            keys = keys_of(conn) if row is None else parsed(row.log_keys)
        head = Head(0, merkle.EMPTY_ROOT, b"") if row is None else Head(row.size, row.root, row.note)
        return head, keys or LogKeys.first(self._own)


def _edge_of(size: int) -> Iterator[tiles.TileRef]:
    """The partial tiles and the partial bundle at the right edge of a tree of ``size`` leaves."""
    for level in (None, *range(tiles.MAX_LEVEL + 1)):
        n, width = divmod(size >> (tiles.TILE_HEIGHT * (level or 0)), tiles.TILE_WIDTH)
        if width:
            yield tiles.TileRef(level, n, width)
