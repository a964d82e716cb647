"""Paper in programs that are not ours: jose and WebCrypto on statements, Poppler and pyHanko on PDFs, zxing on the page."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agency_cli.services import sheet
from agency_cli.services.pdf_copy import with_strips
from agency_cli.services.pdf_signing import Signer, certificate, sign_pdf
from protocol.credential import StatusRef
from protocol.encoding import hex0x
from protocol.jose import P256Signer
from protocol.packed import jws_of, jws_parts, pack
from protocol.paper import paper_in_link
from protocol.status_list import INVALID, SUSPENDED, sign_status_token
from scripts.samples import made_pdf
from tests.interop.programs import node_json, ran
from tests.paper_stage import CLAIMS, PaperStage, paper_stage
from tests.strangers import need, need_path
from vault_api.paper_page import FILES

KEY = P256Signer.from_secret(bytes(31) + b"\x21")
URN = "urn:onefile:agency:31337:0x" + "11" * 20 + ":0x" + "22" * 20
SIGNER = Signer("示范银行", URN, KEY, 1_790_000_000)
SOURCE = made_pdf("SAMPLE proof", pages=2)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperStage]:
    with paper_stage(tmp_path_factory.mktemp("papers")) as made:
        yield made


@dataclass
class Job:
    """Checks of one vault's papers, done by one run of node."""

    papers: PaperStage
    check: list[dict[str, Any]] = field(default_factory=list)

    @property
    def here(self) -> dict[str, str]:
        vault = self.papers.stage.vault
        return {
            "log": vault.origin,
            "chain": str(vault.chain_id),
            "registry": hex0x(vault.contracts.agency_registry),
        }

    def answers(self) -> dict[str, str]:
        account = hex0x(self.papers.issuer.address)
        paths = (f"/v1/agencies/{account}", f"/v1/status-lists/{account}/1")
        return {path: self.papers.stage.client.get(path).text for path in paths}

    def add(self, link: str, **changes: Any) -> None:
        case = {"fragment": link.partition("#")[2], "answers": self.answers(), "now": self.papers.now}
        self.check.append({**case, **changes})

    def run(self, verify: list[dict[str, Any]]) -> Any:
        job = {"script": str(FILES / "check.js"), "here": self.here, "check": self.check, "verify": verify}
        return node_json("paper.mjs", job, package="jose")


def repacked(raw: str) -> str:
    return "#" + str(int.from_bytes(b"\x01" + pack(jws_parts(raw)), "big"))


def test_the_vaults_page_script_and_jose_judge_papers_as_they_are(papers: PaperStage) -> None:
    job, list_path = Job(papers), f"/v1/status-lists/{hex0x(papers.issuer.address)}/1"
    revoked, suspended, good = (papers.bits.allocate() for _ in range(3))
    papers.bits.set(revoked, INVALID)
    papers.bits.set(suspended, SUSPENDED)
    papers.publish()
    link = papers.link(idx=good)
    raw = paper_in_link(link)
    header, payload, signature = jws_parts(raw)
    forged = jws_of((header, payload.replace("样例甲".encode(), "样例乙".encode()), signature))
    other = papers.stage.agency("另一机构", 1, types=("driving-licence",))
    now = papers.now
    states: list[tuple[str, str]] = []

    def case(state: str, code: str, shown: str, **changes: Any) -> None:
        states.append((state, code))
        job.add(shown, **changes)

    case("valid", "valid", link)
    case("revoked", "revoked", papers.link(idx=revoked))
    case("suspended", "suspended", papers.link(idx=suspended))
    case("altered", "signature", repacked(forged))
    case("unknown", "unreachable", link, answers=None)
    case("unknown", "not_here", link, answers={})
    case("unknown", "status_stale", link, now=now + 4000)
    case("unknown", "clock", link, now=now - 4000)
    case("expired", "paper_expired", link, now=now + 90_000)
    case("expired", "licence_expired", papers.link(idx=good, claims={**CLAIMS, "/expiring_date": "2020-01-02"}))
    case("foreign", "place", papers.link(idx=good, log=papers.stage.origin + "x"))
    case("malformed", "link", "#12x")
    case("malformed", "link", "#" + "9" * 2001)
    case("malformed", "malformed", "#" + str(int.from_bytes(b"\x01" + b"\xff" * 30, "big")))
    # Another agency's key, in the issuer's place: the key that the code names is not the one that the registry has.
    stolen = replace(papers, issuer=other).statement(
        iss=papers.stage.urn(papers.issuer), status=StatusRef(papers.uri, 3)
    )
    case("unknown", "key_changed", repacked(stolen))
    # Lists that are not the issuer's newest word on this list.
    token = papers.bits.token(iss=papers.stage.urn(papers.issuer), uri=papers.uri, iat=now, lifetime_s=600)
    by_other = sign_status_token(token, other.present)
    case("unknown", "status_signature", link, answers={**job.answers(), list_path: by_other})
    elsewhere = sign_status_token(replace(token, sub=papers.uri[:-1] + "2"), papers.issuer.present)
    case("unknown", "status_other", link, answers={**job.answers(), list_path: elsewhere})
    case("unknown", "answer_too_large", link, answers={**job.answers(), list_path: "x" * 300_001})

    jwk = papers.issuer.present.public_jwk().to_json()
    found = job.run([{"raw": token_, "jwk": jwk, "now": now} for token_ in (raw, forged)])

    assert [(one["state"], one["code"]) for one in found["checked"]] == states
    assert found["checked"][0]["claims"] == CLAIMS
    assert found["checked"][0]["issuer"] == "威海市公安局"
    # What no signature stands for is not shown.
    assert found["checked"][3]["claims"] is None
    asked = {path for one in found["checked"] for path in one["asked"]}
    assert asked == set(job.answers())
    good_token, bad_token = found["verified"]
    assert good_token["payload"]["claims"] == CLAIMS
    assert good_token["kid"] == good_token["thumbprint"]
    assert bad_token == {"ok": False, "error": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}


# --- PDFs -----------------------------------------------------------------------------------------


@pytest.fixture
def _font() -> None:
    need_path(sheet.FONT, "Debian's fonts-droid-fallback")
    sheet.load_font(None)


def codes_of(pdf: Path, folder: Path) -> set[str]:
    """The texts of the codes on the first page, drawn by Poppler at 150 dpi and read by zxing-cpp."""
    import zxingcpp
    from PIL import Image

    ran([need("pdftoppm"), "-r", "150", "-f", "1", "-l", "1", "-png", pdf, folder / "page"])
    (drawn,) = folder.glob("page*.png")
    with Image.open(drawn) as picture:
        return {found.text for found in zxingcpp.read_barcodes(picture.convert("L"))}


@pytest.mark.usefixtures("_font")
def test_poppler_reads_the_text_and_zxing_the_code_of_a_licence_copy(papers: PaperStage, tmp_path: Path) -> None:
    link = papers.link("https://vault.example.gov.cn", claims={**CLAIMS, "/address": "样例路一百号样例小区" * 3})
    rows = (sheet.Row("姓名或名称", "name", "样例甲"), sheet.Row("准驾车型", "vehicle classes", "C1"))
    pdf = tmp_path / "copy.pdf"
    pdf.write_bytes(sheet.draw_sheet(sheet.Sheet("机动车驾驶证", "Driving licence", rows, ("注 note",), link)))

    text = ran([need("pdftotext"), "-layout", pdf, "-"]).decode()

    assert all(word in text for word in ("机动车驾驶证", "Driving licence", "样例甲", "准驾车型", "C1"))
    assert codes_of(pdf, tmp_path) == {link}
    fonts = ran([need("pdffonts"), pdf]).decode().splitlines()[2:]
    assert all(line.split()[-5] == "yes" for line in fonts if "Droid" in line)


@pytest.fixture
def stamped(tmp_path: Path, _font: None) -> Path:
    """A stamped copy of a document of two pages, with a code as large as they come."""
    code = "OFS:" + "".join("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"[n * n * 31 % 45] for n in range(1200))
    lines = ("加注机构 Stamped by: 示范银行", "用途 For: 贷款审查")
    writer = with_strips(SOURCE, lambda w, h: sheet.draw_strip(w, h, lines, "仅限：贷款审查", code))
    pdf = tmp_path / "stamped.pdf"
    pdf.write_bytes(sign_pdf(writer, SIGNER, reason="贷款审查", field="OneFile"))
    (tmp_path / "code.txt").write_text(code, encoding="ascii")
    return pdf


def test_poppler_reads_the_strip_of_every_page_and_zxing_its_code(stamped: Path, tmp_path: Path) -> None:
    text = ran([need("pdftotext"), stamped, "-"]).decode()
    assert text.count("加注机构") == 2
    assert "SAMPLE proof" in text
    assert (tmp_path / "code.txt").read_text(encoding="ascii") in codes_of(stamped, tmp_path)


def test_popplers_pdfsig_finds_the_signature_good_and_whole(stamped: Path, tmp_path: Path) -> None:
    told = ran([need("pdfsig"), "-nocert", stamped]).decode()
    assert "Signature is Valid." in told
    assert "Total document signed" in told
    assert "ETSI.CAdES.detached" in told
    raw = stamped.read_bytes()
    at = raw.index(b" Do Q", len(SOURCE)) - 1
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    assert "Digest Mismatch" in ran([need("pdfsig"), "-nocert", forged]).decode()


def test_pyhankos_validator_trusts_the_copy_by_the_key_cards_certificate(stamped: Path) -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    (signature,) = PdfFileReader(io.BytesIO(stamped.read_bytes())).embedded_regular_signatures
    context = ValidationContext(trust_roots=[certificate(SIGNER)], allow_fetching=False)
    status = asyncio.run(async_validate_pdf_signature(signature, signer_validation_context=context))
    assert (status.intact, status.valid, status.trusted, status.bottom_line) == (True, True, True, True)
    assert certificate(SIGNER).subject_alt_name_value.native == [URN]


def test_openssls_library_takes_the_certificate_as_self_signed() -> None:
    from cryptography import x509

    found = x509.load_der_x509_certificate(certificate(SIGNER).dump())
    found.verify_directly_issued_by(found)
    assert found.not_valid_before_utc.timestamp() == SIGNER.since
