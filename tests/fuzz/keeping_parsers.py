"""Parsers of a backup on its way back: the archive, its manifest, ``begin.json`` and the rows of a table."""

from __future__ import annotations

import hashlib
import io
import json

from protocol.encoding import b64u
from protocol.errors import Conflict
from protocol.merkle import Frontier, leaf_hash
from tests.fuzz.parser import OURS, Parser
from vault_api.db import tables as t
from vault_api.db.migrate import newest
from vault_api.keeping.archive import ArchiveWriter, read_members
from vault_api.keeping.checking import parse_begin
from vault_api.keeping.loading import NoLoading
from vault_api.keeping.manifest import BEGIN, MANIFEST, Head, Line, lines_of, read_manifest
from vault_api.keeping.restore import restore
from vault_api.keeping.rows import RowReader, columns_of, kept_tables
from vault_api.keeping.storing import storing

ORIGIN = "onefile/31337/0x6fda659746c545eb26c8934b2ee3caa6174d0001/main"
PAYLOAD = b"a sealed payload of a few bytes"
BOMBS = (b"[" * 50_000, b"[" + b"9" * 50_000 + b"]\n")


def begin() -> bytes:
    tables = {table.name: columns_of(table) for table in kept_tables()}
    said = {"v": 1, "origin": ORIGIN, "vkey": None, "made_at": 1, "schema": newest(), "since": None, "size": 1,
            "signed": None, "tables": tables}  # fmt: skip
    return json.dumps(said).encode()


def members() -> dict[str, bytes]:
    """The members of a backup of a log with one entry and one payload, but for the manifest."""
    entry = b"an entry"
    frontier = Frontier().append(leaf_hash(entry)).serialise()
    head = {"id": 1, "frontier": b64u(frontier)}
    row = [head.get(column.name, 0 if not column.nullable else None) for column in t.log_head.columns]
    return {
        BEGIN: begin(),
        "rows/entries.000000.jsonl": json.dumps([0, b64u(entry), 5]).encode() + b"\n",
        "rows/log_head.000000.jsonl": json.dumps(row).encode() + b"\n",
        f"blobs/{hashlib.sha256(PAYLOAD).hexdigest()}": PAYLOAD,
    }


def manifest() -> bytes:
    lines = [Line(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in members().items()]
    return Head(ORIGIN, 1, 1, None).serialise() + b"".join(line.serialise() for line in lines)


def archive() -> bytes:
    out = io.BytesIO()
    writer = ArchiveWriter(out)
    for name, data in {**members(), MANIFEST: manifest()}.items():
        writer.add(name, len(data), [data])
    writer.end()
    return out.getvalue()


def whole(data: bytes) -> None:
    with storing(None) as store:
        restore(io.BytesIO(data), NoLoading(), store)


def only_members(data: bytes) -> None:
    for member in read_members(io.BytesIO(data)):
        for _chunk in member.chunks():
            pass


PARSERS = (
    Parser(
        "backup-stream", whole,
        ("vault_api.keeping.archive.read_members", "vault_api.keeping.archive.read_header"),
        lambda: [archive()], errors=(*OURS, Conflict),
    ),
    Parser("backup-members", only_members, ("vault_api.keeping.archive.read_members",), lambda: [archive()]),
    Parser(
        "backup-manifest", lambda data: list(read_manifest(lines_of([data]))),
        ("vault_api.keeping.manifest.read_manifest", "vault_api.keeping.manifest.parse_line"),
        lambda: [manifest()], bombs=lambda: BOMBS,
    ),
    Parser("backup-begin", parse_begin, ("vault_api.keeping.checking.parse_begin",), lambda: [begin()], bombs=lambda: BOMBS),
    Parser(
        "backup-rows", RowReader(t.events).parse, ("vault_api.keeping.rows.RowReader.parse",),
        lambda: [json.dumps([1, 1, 0, "issue", b64u(bytes(32)), b64u(bytes(32)), None, None, 3]).encode() + b"\n"],
        bombs=lambda: BOMBS,
    ),
)  # fmt: skip
