"""A file is issued row by row: bad rows are kept with their reason, good ones go on, nothing is issued twice."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agency_cli.services import batch as batch_module
from agency_cli.services import rows as rows_module
from agency_cli.services.batch import BatchOrder, Outcome, run_batch
from agency_cli.services.issuing import open_desk
from agency_cli.services.rows import MAX_ROW_CHARS, read_rows, type_of, typed_fields
from chain.ledger import ROLE_ISSUER
from protocol.encoding import hex0x
from protocol.errors import Denied, Malformed, Unavailable
from protocol.licence_types import licence_type
from tests.unit.agency_cli.support import DRIVING, HolderKeys, World, mode
from tests.unit.client.support import problem

FIELDS = [name for name in DRIVING if name != "holder"]
HEADER = ["to", "card_token", "number", "documents", *(f"holder.{name}" for name in DRIVING["holder"]), *FIELDS]


@pytest.fixture
def alice(world: World) -> HolderKeys:
    world.issuer()
    return HolderKeys(world).open()


def row(alice: HolderKeys, number: str, **changes: Any) -> dict[str, Any]:
    return {"to": hex0x(alice.id), "card_token": alice.token(alice.world), "number": number, **DRIVING, **changes}


def jsonl(world: World, *rows: Any, name: str = "rows.jsonl") -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in rows]
    return world.write(name, ("\n".join(lines) + "\n").encode())


def cells(alice: HolderKeys, number: str, **changes: Any) -> list[str]:
    value = row(alice, number, documents="", **changes)
    flat = {**value, **{f"holder.{k}": v for k, v in value["holder"].items()}}
    return [str(flat.get(name, "")) for name in HEADER]


def table(world: World, *rows: list[str], encoding: str = "utf-8", header: list[str] = HEADER) -> Path:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return world.write("rows.csv", out.getvalue().encode(encoding))


def run(world: World, path: Path, **more: Any) -> Outcome:
    rejects = world.folder / f"rejects{path.suffix}"
    order = BatchOrder(path, rejects, more.pop("default_type", "driving-licence"), **more)
    return run_batch(open_desk(world.session), order, lambda _n: None)


def rejects(world: World) -> list[Any]:
    return [json.loads(line) for line in (world.folder / "rejects.jsonl").read_text().splitlines()]


def test_every_row_becomes_an_item_of_its_holder(world: World, alice: HolderKeys) -> None:
    world.write("a.pdf", b"%PDF a")
    outcome = run(world, jsonl(world, row(alice, "1"), "", row(alice, "2", documents=["a.pdf"])))
    assert (outcome.issued, outcome.known, outcome.rejected) == (2, 0, 0)
    made = {alice.credential(one).claims["certificate_number"]: one for one in world.vault.deposits}
    assert set(made) == {"1", "2"}
    assert alice.opened(made["2"], 1) == b"%PDF a"
    assert not (world.folder / "rejects.jsonl").exists()


def test_a_csv_row_says_the_same_as_a_json_row(world: World, alice: HolderKeys) -> None:
    world.write("a.pdf", b"a")
    world.write("b.jpg", b"b")
    one = dict(zip(HEADER, cells(alice, "1", penalty_points=3), strict=True))
    path = table(
        world,
        [*one.values(), "3", "driving-licence", "2"],
        [],
        [" " for _ in HEADER] + ["", "", ""],
        header=[*HEADER, "penalty_points", "type", "revision"],
    )
    text = path.read_text().replace(",,王小明", ",a.pdf; b.jpg,王小明")
    path.write_text("\ufeff" + text)
    outcome = run(world, path, default_type=None)
    assert (outcome.issued, outcome.rejected) == (1, 0)
    [deposit] = world.vault.deposits
    credential = alice.credential(deposit)
    assert credential.claims["penalty_points"] == 3
    assert credential.claims["certificate_id"].split(".")[-2] == "002"
    assert sorted(entry.name for entry in credential.files.values()) == ["a.pdf", "b.jpg"]


def test_a_file_of_a_chinese_spreadsheet_is_read(world: World, alice: HolderKeys) -> None:
    path = table(world, cells(alice, "1"), encoding="gb18030")
    assert run(world, path, encoding="gb18030").issued == 1
    with pytest.raises(Malformed) as caught:
        run(world, path)
    assert caught.value.code == "batch_encoding"


def test_bad_rows_are_kept_with_their_reason_and_the_others_go_on(world: World, alice: HolderKeys) -> None:
    bad: list[tuple[Any, str]] = [
        ("{", "json"),
        ("[]", "json_object"),
        (row(alice, "2", vehicle_classes=5), "field_type"),
        (row(alice, "3", type="unheard-of"), "licence_type_unknown"),
        (row(alice, "4", type="diploma"), "licence_type_not_allowed"),
        (row(alice, "5", to=None, card_token=None), "field_missing"),
        (row(alice, "6", documents=["no.pdf"]), "document_missing"),
        (row(alice, "6", documents=["a\0.pdf"]), "document_missing"),
        (row(alice, "6", documents=["a" * 400]), "document_missing"),
        (row(alice, "6", to="a" * 400, card_token=None), "addressee_missing"),
        (row(alice, "7", documents="a.pdf"), "field_type"),
        (row(alice, "8", to="-", card_token=None), "field_form"),
        (row(alice, "9", to="0x" + "1" * 64), "addressee_other"),
        ({k: v for k, v in row(alice, "").items() if k != "number"}, "field_missing"),
        (row(alice, "10", to="0x" + "1" * 64, card_token=None), "dossier_unknown"),
    ]
    outcome = run(world, jsonl(world, *(one for one, _code in bad), row(alice, "11")))
    assert (outcome.issued, outcome.rejected) == (1, len(bad))
    kept = rejects(world)
    assert [one["reject"]["line"] for one in kept] == list(range(1, len(bad) + 1))
    codes = [one["reject"]["code"] for one in kept]
    assert codes[2:] == [code for _one, code in bad][2:]
    assert kept[0]["row"] == "{"
    assert mode(world.folder / "rejects.jsonl") == 0o600
    assert outcome.examples[2] == {"line": 3, "code": "field_type", "reason": kept[2]["reject"]["reason"]}


def test_a_token_alone_names_the_holder(world: World, alice: HolderKeys) -> None:
    rows = [row(alice, "1", to=None), row(alice, "2", to="see token")]
    assert run(world, jsonl(world, *rows)).issued == 2


def test_a_row_without_a_type_anywhere_is_refused(world: World, alice: HolderKeys) -> None:
    assert run(world, jsonl(world, row(alice, "1")), default_type=None).rejected == 1
    assert rejects(world)[0]["reject"]["code"] == "field_missing"


def test_mended_rejects_run_again(world: World, alice: HolderKeys) -> None:
    run(world, jsonl(world, row(alice, "1", vehicle_classes=5)))
    [kept] = rejects(world)
    again = jsonl(world, {**kept, "vehicle_classes": "C1"}, name="again.jsonl")
    assert run(world, again).issued == 1
    assert not (world.folder / "rejects.jsonl").exists()


def test_csv_rejects_have_the_columns_of_their_file(world: World, alice: HolderKeys) -> None:
    short = cells(alice, "2")[:-1]
    path = table(world, short, cells(alice, "3", first_issue_date="never"), cells(alice, "4"))
    outcome = run(world, path)
    assert (outcome.issued, outcome.rejected) == (1, 2)
    with (world.folder / "rejects.csv").open(newline="") as stream:
        kept = list(csv.DictReader(stream))
    assert [one["reject_code"] for one in kept] == ["batch_cells", "field_form"]
    assert [one["number"] for one in kept] == ["2", "3"]
    kept[1]["first_issue_date"] = "2015-06-01"
    again = world.folder / "again.csv"
    with again.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept[1:])
    assert run(world, again).issued == 1


def test_a_row_that_is_no_csv_is_kept_and_the_next_is_read(world: World, alice: HolderKeys) -> None:
    path = table(world, cells(alice, "1"))
    head, body = path.read_bytes().split(b"\r\n", 1)
    path.write_bytes(head + b'\r\n"a"b,c\r\n' + body)
    outcome = run(world, path)
    assert (outcome.issued, outcome.rejected) == (1, 1)
    assert outcome.examples[0]["code"] == "batch_csv"


@pytest.mark.parametrize("text", ["", "a,a\n", '"x\n'])
def test_a_csv_file_without_a_header_is_refused(world: World, alice: HolderKeys, text: str) -> None:
    with pytest.raises(Malformed) as caught:
        run(world, world.write("rows.csv", text.encode()))
    assert caught.value.code == "batch_header"


def test_running_a_file_again_issues_only_what_is_missing(world: World, alice: HolderKeys) -> None:
    first = jsonl(world, row(alice, "1"), row(alice, "2"))
    run(world, first)
    world.clock.sleep(86_400)
    outcome = run(world, jsonl(world, row(alice, "1"), row(alice, "2"), row(alice, "3")))
    assert (outcome.issued, outcome.known, outcome.rejected) == (1, 2, 0)
    assert len(world.vault.deposits) == 3


def test_a_row_that_changed_after_it_was_issued_is_refused(world: World, alice: HolderKeys) -> None:
    run(world, jsonl(world, row(alice, "1")))
    assert run(world, jsonl(world, row(alice, "1", vehicle_classes="A1"))).rejected == 1
    assert rejects(world)[0]["reject"]["code"] == "certificate_changed"


def test_a_vault_that_is_away_stops_the_run_and_the_next_run_goes_on(world: World, alice: HolderKeys) -> None:
    path = jsonl(world, row(alice, "1"), row(alice, "2"), row(alice, "3"))
    world.vault.lost = ["/v1/deposits"] * 12
    with pytest.raises(Unavailable):
        run(world, path)
    world.vault.lost = []  # however many of them travelled together
    outcome = run(world, path)
    assert (outcome.issued, outcome.known) == (0, 3)
    assert len(world.vault.deposits) == 3


def test_a_certificate_that_stands_twice_in_a_file_is_issued_once(world: World, alice: HolderKeys) -> None:
    outcome = run(world, jsonl(world, *[row(alice, "1"), row(alice, "2")] * 4))
    assert (outcome.issued, outcome.known, outcome.rejected) == (2, 6, 0)
    assert len(world.vault.deposits) == 2


def test_refusals_stand_in_the_order_of_the_file(world: World, alice: HolderKeys) -> None:
    bad = [row(alice, f"{n}", vehicle_classes="") if n % 3 else row(alice, f"{n}") for n in range(40)]
    outcome = run(world, jsonl(world, *bad))
    assert outcome.issued == 14
    assert [kept["reject"]["line"] for kept in rejects(world)] == [n + 1 for n in range(40) if n % 3]


@pytest.mark.parametrize("code", ["signature_stale", "agency_compromised"])
def test_a_refusal_of_the_agency_itself_stops_the_run(world: World, alice: HolderKeys, code: str) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [problem(403, "denied", code)] * 2
    with pytest.raises(Denied) as caught:
        run(world, jsonl(world, row(alice, "1"), row(alice, "2")))
    assert caught.value.code == code
    assert world.vault.deposits == []


def test_an_ended_role_stops_the_run(world: World, alice: HolderKeys) -> None:
    world.ledger("governor").end_role(world.session.party.controller, ROLE_ISSUER)
    world.clock.sleep(1)
    with pytest.raises(Denied) as caught:
        run(world, jsonl(world, row(alice, "1")))
    assert caught.value.code == "not_an_issuer"


def test_a_broken_connection_is_tried_again_within_a_row(world: World, alice: HolderKeys) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [httpx2.ConnectError("no")]
    assert run(world, jsonl(world, row(alice, "1"))).issued == 1


def test_only_the_first_refusals_are_told_and_all_are_kept(world: World, alice: HolderKeys) -> None:
    outcome = run(world, jsonl(world, *["{"] * 30))
    assert (outcome.rejected, len(outcome.examples), len(rejects(world))) == (30, 20, 30)


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.StringIO):
        left = 4_000

        def readline(self, _size: int | None = -1, /) -> str:
            self.left -= 1
            return '{"number": "1", "x": "' + "y" * 500 + '"}\n' if self.left >= 0 else ""

    seen: list[int] = []
    tracemalloc.start()
    for count, _row in enumerate(read_rows(Endless(), table=False, tick=lambda _n: None)):
        if count % 500 == 0:
            seen.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert seen[-1] - seen[1] < 100_000


def test_a_row_that_is_too_long_is_refused_and_its_rest_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_ROW_CHARS", 100)
    text = '{"a": "' + "x" * 450 + '"}\n{"b": 1}\n'
    counted: list[int] = []
    found = list(read_rows(io.StringIO(text), table=False, tick=counted.append))
    assert found[0].error is not None
    assert found[0].error.code == "batch_row"
    assert (found[1].line, found[1].body) == (2, {"b": 1})
    assert sum(counted) == len(text)
    with pytest.raises(Malformed) as caught:
        list(read_rows(io.StringIO("a,b\n" + "x" * 300), table=True, tick=counted.append))
    assert caught.value.code == "batch_row"
    assert MAX_ROW_CHARS == 1 << 20


def test_a_row_that_goes_on_over_lines_is_bounded_as_a_line_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_ROW_CHARS", 100)
    whole = 'a,b\n1,"' + "x\n" * 40 + '"\n2,3\n'
    assert [row.raw["a"] for row in read_rows(io.StringIO(whole), table=True, tick=lambda _n: None)] == ["1", "2"]
    with pytest.raises(Malformed) as caught:
        list(read_rows(io.StringIO("a,b\n" + '"x\n",' * 60), table=True, tick=lambda _n: None))
    assert caught.value.code == "batch_row"
    monkeypatch.setattr(rows_module, "MAX_ROW_LINES", 30)
    with pytest.raises(Malformed):
        list(read_rows(io.StringIO(whole), table=True, tick=lambda _n: None))


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("months_paid", "160", 160),
        ("months_paid", "-3", -3),
        ("months_paid", "007", "007"),
        ("months_paid", "1.5", "1.5"),
        ("paid_last_12_months", "TRUE", True),
        ("paid_last_12_months", "否", False),
        ("paid_last_12_months", "maybe", "maybe"),
        ("insured_region", "12", "12"),
        ("unheard_of", "1", "1"),
        ("months_paid", 7, 7),
    ],
)
def test_cells_are_read_by_the_kind_of_their_field(name: str, cell: Any, value: Any) -> None:
    assert typed_fields({name: cell}, licence_type("social-insurance-proof")) == {name: value}


def test_a_row_names_its_own_type_first() -> None:
    [one] = read_rows(io.StringIO('{"type": "diploma"}'), table=False, tick=lambda _n: None)
    assert type_of(one, "driving-licence").type == "diploma"
    assert batch_module.MAX_DOCUMENTS == 63
