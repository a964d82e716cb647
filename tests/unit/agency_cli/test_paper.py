"""``agency print licence``: what is printed is what was issued, and the code holds the issuer's statement of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agency_cli.services import sheet
from agency_cli.services.records import Records
from protocol.licence_types import licence_type
from protocol.paper import paper_in_link, verify_paper
from tests.strangers import need_path
from tests.unit.agency_cli.program import Program, claims, issue_args
from tests.unit.agency_cli.support import DRIVING, HolderKeys, World


@pytest.fixture
def font() -> Path:
    return need_path(sheet.FONT, "Debian's fonts-droid-fallback")


@pytest.fixture
def issued(world: World, run: Program, font: Path) -> dict[str, Any]:
    """A driving licence that was issued."""
    world.issuer()
    found: dict[str, Any] = run.json(*issue_args(world, HolderKeys(world).open(), "--expires", "2032-11-20"))
    return found


def args(world: World, issued: dict[str, Any], *more: str) -> list[str]:
    out = str(world.session.profile.folder / "copy.pdf")
    return [
        *("print", "licence", issued["certificate_id"], "--claims", claims(world), "--number", "N1"),
        *("--expires", "2032-11-20", "--out", out, *more),
    ]


def test_a_copy_carries_the_issuers_statement_of_what_is_printed(
    world: World, run: Program, issued: dict[str, Any]
) -> None:
    found = run.json(*args(world, issued))

    raw = paper_in_link(found["link"])
    session = world.session
    key = session.keys.present(session.party.card_seq).public_jwk()
    paper = verify_paper(raw, key, log=world.log.name, now=world.clock.now()).body
    assert raw == found["statement"]
    assert found["link"].startswith("http://127.0.0.1:8440/paper#")
    assert paper.vct == licence_type("driving-licence").vct
    assert paper.claims["/holder/name"] == DRIVING["holder"]["name"]
    assert paper.claims["/expiring_date"] == "2032-11-20"
    assert set(paper.claims) == set(found["claims"])
    assert (paper.status.uri, paper.status.idx) == (issued["status"]["uri"], issued["status"]["idx"])
    assert found["code_version"] <= 20
    assert Path(found["file"]).read_bytes().startswith(b"%PDF-")


def test_a_copy_is_drawn_for_people_too(world: World, run: Program, issued: dict[str, Any]) -> None:
    out, _ = run(*args(world, issued))
    assert "王小明" in out
    assert "copy.pdf" in out


def test_a_dry_run_makes_no_file(world: World, run: Program, issued: dict[str, Any]) -> None:
    _, err = run(*args(world, issued, "--dry-run"))
    assert "dry run" in err
    assert not (world.session.profile.folder / "copy.pdf").exists()


def test_only_chosen_claims_are_printed(world: World, run: Program, issued: dict[str, Any]) -> None:
    found = run.json(*args(world, issued, "--claim", "/vehicle_classes"))["claims"]
    assert "/vehicle_classes" in found
    assert "/address" not in found
    assert "/certificate_number" in found
    assert run.error(*args(world, issued, "--claim", "/nothing"), code=3)["code"] == "field_unknown"


def test_claims_that_were_not_issued_are_not_printed(world: World, run: Program, issued: dict[str, Any]) -> None:
    told = args(world, issued)
    Path(claims(world)).write_text(json.dumps({**DRIVING, "vehicle_classes": "A1"}), encoding="utf-8")
    told[told.index("--claims") + 1] = str(world.write("other.json", {**DRIVING, "vehicle_classes": "A1"}))
    assert run.error(*told, code=3)["code"] == "claims_other"


def test_a_number_that_was_drawn_is_printed(world: World, run: Program, font: Path) -> None:
    world.issuer()
    told = [part for part in issue_args(world, HolderKeys(world).open()) if part not in {"--number", "N1"}]
    issued = run.json(*told)
    told = [part for part in args(world, issued) if part not in {"--number", "N1", "--expires", "2032-11-20"}]
    found = run.json(*told)["claims"]
    assert found["/certificate_number"] in issued["certificate_id"]
    assert "/expiring_date" not in found


def test_what_was_revoked_or_not_confirmed_is_not_printed(world: World, run: Program, issued: dict[str, Any]) -> None:
    run("status", "set", issued["item"], "suspended", "--no-publish")
    assert run.error(*args(world, issued), code=4)["code"] == "paper_not_valid"
    records = Records(world.session.profile.folder)
    record = records.find(issued["item"])
    object.__setattr__(record, "state", "unsure")
    records.save(record)
    assert run.error(*args(world, issued), code=4)["code"] == "issued_unsure"


def test_a_licence_that_has_ended_is_not_printed(world: World, run: Program, issued: dict[str, Any]) -> None:
    world.clock.time += 7 * 366 * 86_400
    assert run.error(*args(world, issued), code=5)["code"] == "licence_ended"


def test_a_file_is_not_replaced_and_a_font_must_be_one(world: World, run: Program, issued: dict[str, Any]) -> None:
    run(*args(world, issued))
    assert run.error(*args(world, issued), code=1)["code"] == "file_exists"
    nowhere = str(world.session.profile.folder / "none.ttf")
    assert run.error(*args(world, issued, "--font", nowhere), code=6)["code"] == "font_missing"
    assert run.error(*args(world, issued, "--font", claims(world)), code=3)["code"] == "font_unfit"


def test_what_has_no_room_in_a_code_is_refused(font: Path) -> None:
    from protocol.errors import Malformed

    with pytest.raises(Malformed) as caught:
        sheet.code_modules("https://vault.example/paper#" + "a" * 1000)
    assert caught.value.code == "code_too_large"


def test_a_sheet_that_is_long_goes_on_on_another_page(font: Path) -> None:
    sheet.load_font(None)
    rows = tuple(sheet.Row("项目", "field", "值" * 90) for _ in range(30))
    raw = sheet.draw_sheet(sheet.Sheet("标题", "title", rows, ("注 note",)))
    assert raw.count(b"/Type /Page\n") + raw.count(b"/Type /Page ") >= 2
