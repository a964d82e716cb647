"""``agency print stamped`` and the scan of its code: who, for what, until when, in the log, and of this very file."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agency_cli.services import pdf_copy, pdf_signing, sheet, stamp_check
from agency_cli.services.pdf_signing import Signer, sign_pdf, whole_signature
from protocol.encoding import unb64u
from protocol.errors import Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.jose import P256Signer
from protocol.stamp import parse_stamp, stamp_code
from protocol.statements import parse_statement, sign_statement
from scripts.samples import made_pdf
from tests.reader_stage import Issued, ReaderStage
from tests.strangers import need_path
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run, data

run = reading.run  # the bank's, not that of the folder's other tests
SOURCE = made_pdf("SAMPLE proof", pages=2)
KEY = P256Signer.from_secret(bytes(31) + b"\x21")
SIGNER = Signer("示范银行", "urn:onefile:agency:1:0x" + "11" * 20 + ":0x" + "22" * 20, KEY, 1_790_000_000)


@pytest.fixture(autouse=True)
def _font() -> None:
    need_path(sheet.FONT, "Debian's fonts-droid-fallback")


@pytest.fixture(scope="module")
def with_pdf(shared_reader: ReaderStage) -> Issued:
    """An item whose document is a PDF that a program made."""
    item = shared_reader.issue(SOURCE)
    shared_reader.anchor()
    return item


@pytest.fixture
def used(reader: ReaderStage, with_pdf: Issued) -> Path:
    """The folder of a use of it."""
    reader.release(reader.give(with_pdf))
    return reader.out


def stamp(reader: ReaderStage, run: Run, used: Path, *more: str) -> Any:
    """A stamped copy, its entry anchored."""
    out = used.parent / "filed.pdf"
    made = data(run("print", "stamped", used, "--purpose", "贷款审查", "--out", out, *more, "--json"))
    reader.anchor()
    return made


def test_a_stamped_copy_begins_with_every_byte_of_the_document(reader: ReaderStage, run: Run, used: Path) -> None:
    made = stamp(reader, run, used)

    raw = Path(made["file"]).read_bytes()
    assert raw.startswith(SOURCE)
    assert unb64u(made["sha256"]) == sha256(raw)
    assert (made["pages"], made["purpose"], made["document"]) == (2, "贷款审查", "证明.pdf")
    said = parse_stamp(made["code"])
    assert said.particulars.sha256 == sha256(SOURCE)
    assert said.index == made["entry"]
    assert sheet.code_version(made["code"]) <= sheet.MAX_VERSION
    signed = whole_signature(raw)
    assert signed.key == reader.bank.present.public_jwk()
    assert signed.reason.startswith("贷款审查 [onefile-stamp ")


def test_the_scan_of_a_stamp_says_whose_it_is_and_compares_the_file(reader: ReaderStage, run: Run, used: Path) -> None:
    made = stamp(reader, run, used)

    found = data(run("scan", "--text", made["code"], "--file", made["file"], "--json"))

    assert found["verdict"] == "accept"
    assert (found["stamped_by"]["name"], found["purpose"], found["entry"]) == ("bank", "贷款审查", made["entry"])
    assert found["file_compared"] is True
    code, out, _ = run("scan", "--text", made["code"])
    assert code == 0
    assert "not compared" in out


def test_the_code_of_a_stamp_is_read_from_a_picture(reader: ReaderStage, run: Run, used: Path, tmp_path: Path) -> None:
    from PIL import Image

    made = stamp(reader, run, used)
    rows = sheet.code_modules(made["code"])
    picture = Image.new("L", (len(rows), len(rows)), 255)
    picture.putdata([0 if dark else 255 for row in rows for dark in row])
    target = tmp_path / "stamp.png"
    picture.resize((len(rows) * 6, len(rows) * 6)).save(target)

    assert data(run("scan", target, "--json"))["verdict"] == "accept"


def test_another_file_or_a_changed_one_is_not_the_copy(reader: ReaderStage, run: Run, used: Path) -> None:
    made = stamp(reader, run, used)
    path = Path(made["file"])
    raw = path.read_bytes()

    def refusal(changed: bytes) -> str:
        path.write_bytes(changed)
        code, out, _ = run("scan", "--text", made["code"], "--file", path, "--json")
        assert code == 3
        checks = {check["name"]: check["code"] for check in reading.json.loads(out)["checks"]}
        return str(checks["format"])

    assert refusal(SOURCE) == "stamp_document"
    assert refusal(raw.replace(b"ReportLab", b"ReportLob", 1)) == "stamp_document"
    assert refusal(raw + b"\n%added\n") == "pdf_added"
    at = raw.index(b" Do Q", len(SOURCE)) - 1  # within what the strip draws
    assert refusal(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]) == "pdf_signature"
    other = stamp_again(run, used)
    assert refusal(Path(other["file"]).read_bytes()) == "stamp_reason"


def stamp_again(run: Run, used: Path) -> Any:
    out = used.parent / "again.pdf"
    return data(run("print", "stamped", used, "--purpose", "另一用途", "--out", out, "--json"))


def test_a_copy_that_another_key_signed_is_not_the_agencys(reader: ReaderStage, run: Run, used: Path) -> None:
    made = stamp(reader, run, used)
    said = parse_stamp(made["code"])
    writer = pdf_copy.with_strips(SOURCE, lambda w, h: sheet.draw_strip(w, h, ["x"], "x", "OFS:X"))
    raw = sign_pdf(writer, SIGNER, reason=stamp_check.stamp_reason(said), field="forged")
    with pytest.raises(Untrusted) as caught:
        stamp_check._check_file(said, raw)
    assert caught.value.code == "stamp_key"


def test_a_stamp_that_is_over_or_not_in_the_log_is_told(reader: ReaderStage, run: Run, used: Path) -> None:
    made = stamp(reader, run, used)
    said = parse_stamp(made["code"])
    with pytest.raises(OneFileError) as caught:
        stamp_check._check_until(said, said.particulars.until + 1)
    assert caught.value.code == "stamp_over"
    reader.refuse("/v1/log/proof")
    code, out, _ = run("scan", "--text", made["code"], "--json")
    assert reading.json.loads(out)["verdict"] == "indeterminate"
    assert code != 0


def test_a_stamp_that_names_another_entry_is_not_in_the_log(reader: ReaderStage, run: Run, used: Path) -> None:
    said = parse_stamp(stamp(reader, run, used)["code"])
    elsewhere = replace(said, index=said.index - 1)

    found = stamp_check.check_stamp(reader.session, reader.desk(), stamp_code(elsewhere)).verdict

    assert found.verdict == "reject"
    assert {c.name for c in found.checks if c.status == "fail"} >= {"anchor_inclusion"}


def test_a_stamp_by_an_agency_that_was_no_reader_is_rejected(reader: ReaderStage, run: Run, used: Path) -> None:
    said = parse_stamp(stamp(reader, run, used)["code"])
    body = replace(said.statement.body, iss=reader.vault.urn(reader.issuer))
    forged = parse_statement(sign_statement(body, reader.issuer.present))

    code = stamp_code(replace(said, statement=forged))
    found = stamp_check.check_stamp(reader.session, reader.desk(), code).verdict

    codes = {check.name: check.code for check in found.checks if check.status == "fail"}
    assert found.verdict == "reject"
    assert codes["issuer_authority"] == "not_reader_then"
    assert codes["anchor_inclusion"] == "entry_commitment"


def test_a_use_without_a_document_is_stamped_as_a_sheet_of_its_claims(
    reader: ReaderStage, run: Run, with_pdf: Issued
) -> None:
    reader.release(reader.give(with_pdf, claims=("/insured_region", "/months_paid")))
    made = stamp(reader, run, reader.out)
    assert (made["document"], made["pages"]) == ("claims.pdf", 1)
    assert data(run("scan", "--text", made["code"], "--file", made["file"], "--json"))["verdict"] == "accept"


def test_a_copy_can_be_stamped_again(reader: ReaderStage, run: Run, used: Path) -> None:
    first = Path(stamp(reader, run, used)["file"]).read_bytes()
    writer = pdf_copy.with_strips(first, lambda w, h: sheet.draw_strip(w, h, ["x"], "x", "OFS:X"))
    twice = sign_pdf(writer, SIGNER, reason="second", field="second")
    assert twice.startswith(first)
    assert whole_signature(twice).reason == "second"


def test_what_may_not_be_stamped_is_refused_before_anything_is_logged(
    reader: ReaderStage, run: Run, used: Path
) -> None:
    out = used.parent / "x.pdf"

    def refusal(*more: str) -> str:
        code, _, err = run("print", "stamped", used, "--out", out, *more, "--json")
        assert code != 0
        return str(reading.json.loads(err.splitlines()[-1])["error"]["code"])

    assert refusal("--until", "2099-01-01") == "stamp_until"
    assert refusal("--until", "2020-01-01") == "stamp_until"
    assert refusal("--item", "2") == "item_not_found"
    assert refusal("--document", "none.pdf") == "document_not_found"
    assert refusal("--purpose", "长" * 81) == "field_length"
    out.write_bytes(b"")
    assert refusal() == "file_exists"
    assert reader.posts("/v1/stamps") == 0


def test_a_dry_run_logs_nothing(reader: ReaderStage, run: Run, used: Path) -> None:
    day = datetime.fromtimestamp(reader.clock.now() + 5 * 86_400, UTC).date().isoformat()
    code, out, err = run("print", "stamped", used, "--out", used.parent / "x.pdf", "--until", day, "--dry-run")
    assert (code, reader.posts("/v1/stamps")) == (0, 0)
    assert "dry run" in err
    assert "证明.pdf" in out
    assert not (used.parent / "x.pdf").exists()


def test_a_vault_that_logs_something_else_is_not_believed(reader: ReaderStage, run: Run, used: Path) -> None:
    def told(change: Callable[[Any], Any]) -> str:
        reader.bridge.lies.clear()
        reader.lie("/v1/stamps", change)
        code, _, err = run("print", "stamped", used, "--out", used.parent / "x.pdf", "--json")
        assert code == 3
        return str(reading.json.loads(err.splitlines()[-1])["error"]["code"])

    assert told(lambda answer: {**answer, "opening": None}) == "stamp_unlogged"
    other = "A" * 43
    assert told(lambda answer: {**answer, "opening": {**answer["opening"], "object_sha256": other}}) == "opening_object"
    assert not (used.parent / "x.pdf").exists()


def test_a_show_code_wants_its_scenario_and_no_file(reader: ReaderStage, run: Run, used: Path) -> None:
    assert run("scan", "--text", "OF1:X")[0] == 2
    assert run("scan", "--text", "OF1:X", "--scenario", "small-loan", "--file", used / "use.json")[0] == 2


# --- hostile files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "pdf"),
        (b"%PDF-1.7\n", "pdf"),
        (b"%PDF-1.7\n" + b"0" * 5000, "pdf"),
        (SOURCE[:-200], "pdf"),
        (SOURCE.replace(b"/Count 2", b"/Count 9"), "pdf"),
        (SOURCE.replace(b"/Count 2", b"/Count 0"), "pdf_pages"),
        (SOURCE.replace(b"/MediaBox", b"/MediaBax"), "pdf"),
        (SOURCE.replace(b"841.8898", b"9999999."), "pdf"),
        (SOURCE.replace(b"/Count 2", b"/Count x"), "pdf"),
    ],
)
def test_a_hostile_pdf_is_malformed(raw: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        pdf_copy.count_pages(raw)
    assert caught.value.code == code


def test_what_a_library_finds_odd_in_a_pdf_is_not_told_in_its_words(tmp_path: Path) -> None:
    odd = tmp_path / "odd.pdf"
    odd.write_bytes(SOURCE.replace(b"\n7 0 obj", b"\n7  0 obj"))
    assert odd.read_bytes() != SOURCE
    code = f"from agency_cli.services.pdf_copy import count_pages\nprint(count_pages(open({str(odd)!r}, 'rb').read()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_an_encrypted_pdf_is_not_stamped() -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.pdf_utils.writer import copy_into_new_writer

    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(SOURCE)))
    writer.encrypt("owner", "user")
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(Malformed) as caught:
        pdf_copy.count_pages(out.getvalue())
    assert caught.value.code in {"pdf_encrypted", "pdf"}


@pytest.mark.parametrize("raw", [b"", b"%PDF-1.7 no", SOURCE])
def test_a_file_without_a_readable_signature_is_refused(raw: bytes) -> None:
    with pytest.raises(OneFileError) as caught:
        whole_signature(raw)
    assert caught.value.code in {"pdf", "pdf_unsigned"}


def test_a_signature_by_a_key_of_another_kind_is_refused() -> None:
    point = SimpleNamespace(native=b"\x04" * 97)
    with pytest.raises(Untrusted) as caught:
        pdf_signing._key_of(SimpleNamespace(public_key={"public_key": point}))  # type: ignore[arg-type]  # as on P-384
    assert caught.value.code == "pdf_key"
