"""Parsers of what reaches an agency's desk: batch files, claims, pictures, folders of uses, its own records."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from agency_cli.services import batch, rows, uses
from agency_cli.services.folders import read_claims, read_use
from agency_cli.services.holders import addressee, of_token
from agency_cli.services.office import Office, load_office
from agency_cli.services.orders import MAX_CLAIMS_BYTES, make_order
from agency_cli.services.orders import read_claims as read_claims_file
from agency_cli.services.records import Issued
from agency_cli.services.scenario_cases import run_cases
from agency_cli.services.scenario_library import MAX_SAMPLE_BYTES, sample
from agency_cli.services.scenarios import MAX_SOURCE_BYTES, completed, read_source
from agency_cli.services.status_lists import Lists
from client.pictures import MAX_PICTURE_BYTES, code_in
from client.profile import Profile
from protocol import canonical
from protocol.credential import StatusRef
from protocol.errors import Denied, Malformed
from protocol.licence_types import licence_type
from protocol.scenario import scenario_from_json
from tests.fuzz import golden
from tests.fuzz.folders import BETWEEN, laid_out
from tests.fuzz.parser import OURS, Parser, text

OFFICE = Office("示范局", "11370000MB2849999B")
TODAY = date(2026, 11, 22)
USE_FILES = (
    "use.json", "receipt.jws", "scenario.jws", "grant.json", "entry.json", "proof.tlog-proof", "opening.json",
    "record.json", "parcel-1.age", "cards.json", "items/1/entry.json", "items/1/proof.tlog-proof", "items/1/status.jwt",
)  # fmt: skip
CSV_WORDS = (b'"', b'""', b",", b"\r\n", b"holder.", b"to,number,documents", b"reject_line", b"\xef\xbb\xbf", b"\0")


def csv_batch(data: bytes) -> None:
    _rows(data, "utf-8-sig", table=True)


def csv_batch_in_chinese(data: bytes) -> None:
    _rows(data, "gb18030", table=True)


def jsonl_batch(data: bytes) -> None:
    _rows(data, "utf-8-sig", table=False)


def _rows(data: bytes, encoding: str, *, table: bool) -> None:
    source = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
    for row in rows.read_rows(source, table=table, tick=lambda _count: None):
        try:
            _order(row, table=table)
        except OURS:
            continue  # a bad row is told and kept apart, and the others go on


def _order(row: rows.Row, *, table: bool) -> None:
    """What ``batch.issue_row`` does before it asks vault and chain."""
    if row.error is not None:
        raise row.error
    licence = rows.type_of(row, "driving-licence")
    rest = dict(row.body)
    rest.pop("type", None)
    batch._addressee(rest.pop("to", None), rest.pop("card_token", None), Path("/nowhere"))
    documents = batch._documents(rest.pop("documents", []), Path("/nowhere"))
    overrides = {name: rest.pop(name) for name in rows.CERTIFICATE_MEMBERS if name in rest}
    body = rows.typed_fields(rest, licence) if table else rest
    make_order(body, licence, OFFICE, today=TODAY, overrides=overrides, documents=documents)


def claims(data: bytes) -> None:
    body = read_claims_file(laid_out(("claims.json",), data) / "claims.json")
    make_order(body, licence_type("driving-licence"), OFFICE, today=TODAY).content()


@cache
def _small_loan() -> dict[str, Any]:
    return sample("small-loan")[0]


def scenario_cases(data: bytes) -> None:
    run_cases(_small_loan(), canonical.loads_object(data, limit=MAX_SAMPLE_BYTES, what="cases"))


def scenario_file(data: bytes) -> None:
    found = read_source(laid_out(("scenario.json",), data) / "scenario.json")
    if isinstance(found, dict):
        scenario_from_json(completed(found, "urn:onefile:agency:1:0x" + "0" * 40 + ":0x" + "0" * 40, 1_790_000_000))


def picture(data: bytes) -> None:
    assert code_in(data).startswith("OF1:")


def use_folder(data: bytes) -> None:
    folder = laid_out(USE_FILES, data)
    read_use(folder)


def claims_of_use(data: bytes) -> None:
    read_claims(laid_out(("claims.json",), data))


def use_record(data: bytes) -> None:
    uses._read(laid_out(("use-record.json",), data) / "use-record.json")


def issued(data: bytes) -> None:
    assert canonical.dumps(Issued.from_json(canonical.loads_object(data)).to_json())


def office(data: bytes) -> None:
    profile = Profile("agency", "x", laid_out(("agencies/x/office.json",), data))
    load_office(profile)


def status_list(data: bytes) -> None:
    folder = laid_out(("status/0.json",), data)
    Lists(folder, b"\x22" * 20).load(0).counts()


def addressed(data: bytes) -> None:
    said = text(data)
    if said != "-":
        addressee(said, base=Path("/nowhere"))
    of_token(said)


@cache
def _drawn(code: str, size: int, kind: str) -> bytes:
    import qrcode
    from PIL import Image

    code_picture = qrcode.make(code).get_image().convert("L").resize((size, size))
    ground = Image.new("L", (size + 40, size + 20), 200)
    ground.paste(code_picture, (20, 10))
    out = io.BytesIO()
    ground.save(out, kind)
    return out.getvalue()


def _pictures() -> list[bytes]:
    code = golden.raws("show-code")[0].decode("ascii")
    small = [_drawn(code, 120, kind) for kind in ("PNG", "JPEG")]
    return [*small, _drawn("hello", 60, "PNG")]


def hostile_pictures() -> Sequence[bytes]:
    """Pictures that cost the most for what they are, just within the limits and beyond."""
    from PIL import Image

    found = []
    for mode, size, options in (
        ("L", (5000, 5000), {"format": "PNG"}),
        ("1", (4700, 4700), {"format": "PNG"}),
        ("P", (4700, 4700), {"format": "PNG"}),
        ("RGB", (3840, 2160), {"format": "PNG"}),
        ("RGBA", (3840, 2160), {"format": "PNG"}),
        ("I;16", (3000, 3000), {"format": "PNG"}),
        ("RGB", (7000, 7000), {"format": "PNG"}),
        ("L", (5000, 5000), {"format": "JPEG"}),
        ("RGB", (5000, 5000), {"format": "JPEG"}),
        ("RGB", (2700, 2700), {"format": "JPEG", "progressive": True, "subsampling": 0}),
    ):
        out = io.BytesIO()
        Image.new(mode, size, None).save(out, **options)
        found.append(out.getvalue())
    return [
        *found,
        _noise((5000, 5000), "JPEG", quality=30),
        _noise((3400, 3400), "PNG"),
        *map(_corners, (9, 11, 14)),
        _corners(11, scale=5),
    ]


def _noise(size: tuple[int, int], kind: str, **options: int) -> bytes:
    import random

    from PIL import Image

    pixels = random.Random(1).randbytes(size[0] * size[1])
    out = io.BytesIO()
    Image.frombytes("L", size, pixels).save(out, kind, **options)
    return out.getvalue()


def _corners(period: int, scale: int = 1) -> bytes:
    """The corners of codes without end: what a reader of codes looks at longest."""
    from PIL import Image

    rows_of_one = [
        "         ",
        " ####### ",
        " #     # ",
        " # ### # ",
        " # ### # ",
        " # ### # ",
        " #     # ",
        " ####### ",
        "         ",
    ]
    one = Image.frombytes("L", (9, 9), "".join(rows_of_one).translate({32: "\xff", 35: "\0"}).encode("latin-1"))
    whole = Image.new("L", (1000, 1000), 255)
    for x in range(0, 1000 - period, period):
        for y in range(0, 1000 - period, period):
            whole.paste(one.resize((period, period)), (x, y))
    out = io.BytesIO()
    whole.resize((1000 * scale, 1000 * scale)).save(out, "PNG" if scale == 1 else "JPEG")
    return out.getvalue()


def _use_folders() -> list[bytes]:
    opening = b'{"index":1,"n":0,"object_sha256":"%s","salt":"%s","t":"access"}' % (b"A" * 43, b"A" * 43)
    receipt, scenario = golden.raws("receipt")[0], golden.raws("scenario")[0]
    use = b'{"items":1,"parcels":1,"posted_at":null,"v":1}'
    card = golden.raws("key-card")[0]
    grant = golden.raws("grant")[0]
    rest = [b"{}", b"proof", opening, b"{}", b"age", b'{"cards":[' + card + b'],"v":1}', b"{}", b"proof", b"-"]
    return [BETWEEN.join([use, receipt, scenario, grant, *rest]), BETWEEN.join([use, receipt, scenario, b"-", *rest])]


def _use_records() -> list[bytes]:
    receipt = golden.raws("receipt")[0].decode("ascii")
    body = {"v": 1, "receipt": receipt, "state": "done", "out": "/x", "use_no": 1, "at": 5}
    return [json.dumps(body).encode(), json.dumps({**body, "state": "pending", "out": None}).encode()]


def _issued() -> list[bytes]:
    made = Issued(
        item=bytes(32), certificate_id="1.2", vct="urn:x", dossier=bytes(32), jti=bytes(16),
        status=StatusRef("urn:y", 1), content=bytes(32), issued_at=1, state="deposited", index=3,
    )  # fmt: skip
    return [json.dumps(made.to_json()).encode()]


def _status_lists() -> list[bytes]:
    from agency_cli.services.status_lists import _packed
    from protocol.status_list import StatusList

    lst, used = StatusList.empty().state()
    published = {"iat": 1, "exp": 2, "index": 3, "lst_sha256": "A" * 43}
    body = {"v": 1, "lst": _packed(lst), "used": _packed(used), "published": published}
    return [json.dumps(body).encode(), json.dumps({**body, "published": None}).encode()]


def _claims_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted((golden.ROOT / "docs" / "examples" / "claims").glob("*.json"))]


def _batches(*, table: bool) -> list[bytes]:
    value = json.loads(_claims_files()[0])
    value.pop("certificate", None)
    if not table:
        row = {"to": "0x" + "4" * 64, "number": "A1", "documents": ["a.pdf"], **value}
        return [json.dumps(row, ensure_ascii=False).encode() + b"\n{}\n[1]\n", b'{"to":"a/b","documents":[""]}\n']
    holder = {f"holder.{name}": member for name, member in value.pop("holder").items()}
    flat = {"to": "0x" + "4" * 64, "number": "A1", "documents": "a.pdf;b.pdf", **holder, **value}
    cells = [",".join(f'"{part}"' for part in line) for line in (flat, flat.values())]
    return ["\r\n".join([*cells, "x,y", ""]).encode(), b"to,number\n0x00,1\n", b'a,"b\nc"\n1,2\n']


def endless_rows() -> Sequence[bytes]:
    """One row that never ends: of quoted cells that each hold a line break, of cells, of one cell; and wide headers."""
    size = rows.MAX_ROW_CHARS
    wide = ",".join(f"c{number}" for number in range(150_000)).encode()
    return [
        b"a,b\n" + b'"x\n",' * size,
        b"a,b\n" + b"," * (size - 8) + b"\n",
        b'a,b\n"' + b"x" * 100 + b"\n" * size,
        b"a," * (size // 2 - 8) + b"\n",
        wide + b"\n" + wide + b"\n",
        b'a,b\n"' + b'""' * (size // 2 - 8) + b'"\n',
    ]


def long_lines() -> Sequence[bytes]:
    return [b'{"a":[' + b"[]," * 340_000 + b"0]}\n", b'{"a":"' + b"x" * (2 << 20) + b'"}\n', b"[" * (1 << 20)]


def _scenario_cases() -> list[bytes]:
    return [json.dumps(sample(name)[1], ensure_ascii=False).encode() for name in ("small-loan", "hotel-check-in")]


def _parser(
    name: str,
    call: Callable[[bytes], None],
    reads: str | tuple[str, ...],
    seeds: Callable[[], list[bytes]],
    **more: Any,
) -> Parser:
    return Parser(name, call, reads if isinstance(reads, tuple) else (reads,), seeds, **more)


PARSERS = (
    _parser("batch-csv", csv_batch, "agency_cli.services.rows.read_rows", lambda: _batches(table=True), words=CSV_WORDS, limit=16 << 10, bombs=endless_rows),
    _parser("batch-csv-gb18030", csv_batch_in_chinese, "agency_cli.services.rows.read_rows", lambda: _batches(table=True), words=CSV_WORDS, limit=16 << 10, bombs=endless_rows),
    _parser("batch-jsonl", jsonl_batch, "agency_cli.services.rows.read_rows", lambda: _batches(table=False), limit=16 << 10, bombs=long_lines),
    _parser("claims-file", claims, "agency_cli.services.orders.read_claims", _claims_files, errors=(Malformed, Denied), limit=MAX_CLAIMS_BYTES + 64),
    _parser("scenario-file", scenario_file, "agency_cli.services.scenarios.read_source", lambda: [*_scenario_sources(), *golden.raws("scenario")], limit=MAX_SOURCE_BYTES + 64),
    _parser(
        "scenario-cases", scenario_cases, ("agency_cli.services.scenario_cases.run_cases",), _scenario_cases,
        limit=MAX_SAMPLE_BYTES + 64, cpu_ms=20_000, why="signs a sample credential for each material that a case names",
    ),
    _parser("picture", picture, "client.pictures.code_in", _pictures, errors=(Malformed, Denied), limit=MAX_PICTURE_BYTES + 64, bombs=hostile_pictures),
    _parser("use-folder", use_folder, "agency_cli.services.folders.read_use", _use_folders, errors=(Malformed, Denied), limit=4 << 20),
    _parser("use-claims", claims_of_use, "agency_cli.services.folders.read_claims", lambda: [b'{"items":[]}'], limit=4 << 20),
    _parser("use-record", use_record, ("agency_cli.services.uses._read", "client.files.read_json", "client.files.read_bounded"), _use_records),
    _parser("issued-record", issued, "agency_cli.services.records.Issued.from_json", _issued),
    _parser("office", office, "agency_cli.services.office.load_office", lambda: [b'{"v":1,"name":"x","code":""}', '{"v":1,"name":"示范局","code":"11370000MB2849999B"}'.encode()]),
    _parser("status-list-state", status_list, "agency_cli.services.status_lists.Lists.load", _status_lists, errors=(Malformed, Denied), limit=256 << 10),
    _parser(
        "addressee", addressed, ("agency_cli.services.holders.addressee", "agency_cli.services.holders.of_token"),
        lambda: [b"0x" + b"4" * 64, b"urn:onefile:dossier:0x" + b"4" * 64, *golden.raws("card-token")[:1], b"a/b"],
        errors=(Malformed, Denied),
    ),
)  # fmt: skip


def _scenario_sources() -> list[bytes]:
    return [path.read_bytes() for path in sorted((golden.ROOT / "docs" / "examples" / "scenarios").glob("*.json"))]
