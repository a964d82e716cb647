"""The service window's page: one person at a time, a verdict or a reason, and every one of them written down."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from agency_cli.window import app
from agency_cli.window.app import create_app
from agency_cli.window.counter import Counter
from agency_cli.window.journal import Journal, Line, counts
from client.localsite import Entrance
from protocol.dcql import parse_query
from protocol.receipts import Officer
from protocol.request_code import RequestCode, answer_id, match_number, parse_request, verify_request
from tests.reader_stage import CLAIMS, ReaderStage
from tests.scenario_samples import QUERY

WINDOW = CLAIMS[1:]
EN = {"accept-language": "en"}


@pytest.fixture
def scenario(reader: ReaderStage) -> str:
    if not hasattr(reader, "page_scenario"):
        query = parse_query({"credentials": QUERY["credentials"][:1]})
        reader.page_scenario = reader.post_scenario(scenario_id="window", query=query)  # type: ignore[attr-defined]  # the test adds what the class does not declare
    return "window"


class Page:
    """The page as a browser that came in by the start link sees it."""

    def __init__(self, reader: ReaderStage, scenario: str) -> None:
        self.reader = reader
        self.counter = Counter(reader.session, 3, scenario, Officer("officer", "desk 3"))
        self.door = Entrance(8441)
        self.http = TestClient(create_app(self.counter, self.door), base_url=self.door.origin, headers=EN)
        self.write = {"origin": self.door.origin}

    def enter(self) -> httpx2.Response:
        return self.http.post("/start", json={"token": self.door.token}, headers=self.write)

    def scan(self, code: str) -> dict[str, object]:
        answer = self.http.post("/scan", json={"code": code}, headers=self.write)
        assert answer.status_code == 200
        return answer.json()

    def shown(self) -> str:
        """A code, whose wallet presents as soon as somebody collects."""
        session, code = self.reader.open_show()

        def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
            if request.url.path.endswith("/collect") and answer.is_success:
                self.reader.present(session, self.reader.item)
            return answer

        self.reader.bridge.lies.append(wallet)
        return code


@pytest.fixture
def page(reader: ReaderStage, scenario: str) -> Iterator[Page]:
    found = Page(reader, scenario)
    assert found.enter().status_code == 204
    yield found
    shutil.rmtree(reader.session.profile.folder / "window", ignore_errors=True)


def test_the_start_link_works_once(page: Page) -> None:
    assert page.http.get("/").status_code == 200
    assert page.enter().status_code == 403
    assert page.http.get("/start").status_code == 200


def test_an_accepted_licence_is_drawn_with_its_ground_and_its_end(page: Page) -> None:
    seen = page.scan(page.shown())

    assert seen["verdict"] == "accept"
    (item,) = seen["items"]
    assert ["Region", "威海市"] in item["rows"] or any("威海市" in row for row in item["rows"])
    assert {check["status"] for check in item["checks"]} <= {"pass", "skipped"}
    assert seen["scenario"]["legal_basis"]
    assert seen["retain_until"] > seen["at"]
    receipt = page.http.get(f"/receipt/{seen['receipt']}").text
    assert seen["receipt"] in receipt
    assert "desk" in receipt.lower()


def test_a_second_scan_is_a_clear_refusal(page: Page) -> None:
    code = page.shown()
    page.scan(code)
    seen = page.scan(code)
    assert (seen["verdict"], seen["code"]) == ("refused", "show_used")
    assert "collected" in seen["detail"]
    assert "items" not in seen


def test_reasons_are_told_in_the_clerks_language(page: Page) -> None:
    answer = page.http.post("/scan", json={"code": "OF1:"}, headers={**page.write, "accept-language": "zh-CN"})
    assert answer.json()["detail"] == "这不是本系统的亮码"
    assert "服务窗口" in page.http.get("/", headers={"accept-language": "zh"}).text


def test_the_window_says_what_it_asks_for(page: Page) -> None:
    asked = page.http.get("/asked").json()
    assert (asked["id"], bool(asked["purpose"]), bool(asked["legal_basis"])) == ("window", True, True)


def test_an_unknown_scenario_is_told_and_not_hidden(page: Page) -> None:
    page.counter.scenario = "no-such"
    answer = page.http.get("/asked")
    assert (answer.status_code, answer.json()["verdict"]) == (502, "refused")


def test_the_day_is_counted_by_result_desk_and_reason(page: Page, reader: ReaderStage) -> None:
    code = page.shown()
    page.scan(code)
    page.scan(code)
    today = page.http.get("/today").json()
    assert today["served"] == 2
    assert [row[1:3] for row in today["rows"]] == [["accept", None], ["refused", "show_used"]]
    rows = list(csv.DictReader(io.StringIO(page.http.get("/today.csv").text)))
    assert [row["result"] for row in rows] == ["accept", "refused"]
    assert {row["desk"] for row in rows} == {"3"}
    overview = page.http.get("/supervisor").text
    assert "the code was used already" in overview
    stored = "".join(path.read_text() for path in (reader.session.profile.folder / "window").glob("*"))
    assert "威海" not in stored


# --- the window asks -----------------------------------------------------------------------------------


def ask(page: Page) -> RequestCode:
    """A request on the screen, as a holder's camera reads it."""
    answer = page.http.post("/ask", headers=page.write).json()
    assert answer["picture"].startswith("data:image/svg+xml,%3Csvg")
    request = page.counter._request
    assert request is not None
    bank = page.reader.bank
    now = page.reader.vault.clock.now()
    return verify_request(parse_request(request.text), bank.present.public_jwk(), origin=page.reader.vault.origin, now=now)


def answer(page: Page, code: RequestCode, **changes: Any) -> str:
    """A holder grants what is asked for; the digits on their screen."""
    reader = page.reader
    given = reader.give(
        reader.item, ident=answer_id(code.nonce), scenario=reader.page_scenario, claims=WINDOW, max_uses=1,  # type: ignore[attr-defined]  # set by the fixture
        retention_days=30, **changes,
    )  # fmt: skip
    return match_number(code.nonce, given.envelope.grant.digest(reader.vault.vault.grant_domain))


def events(page: Page) -> str:
    return page.http.get("/events").text


def test_the_page_moves_by_itself_to_what_the_holder_granted(page: Page) -> None:
    code = ask(page)
    assert (code.desk, code.agency) == (3, page.reader.bank.address)
    match = answer(page, code)
    assert f'event: answered\ndata: {{"match": "{match}"}}' in events(page)
    seen = page.http.post("/open", json={"match": match}, headers=page.write).json()
    assert seen["verdict"] == "accept"
    assert any("威海市" in row for row in seen["items"][0]["rows"])
    assert page.http.get("/today").json()["rows"][-1][1] == "accept"


def test_nothing_is_opened_until_the_digits_agree(page: Page) -> None:
    code = ask(page)
    match = answer(page, code)
    wrong = f"{(int(match) + 1) % 10_000:04d}"
    refused = page.http.post("/open", json={"match": wrong}, headers=page.write).json()
    assert (refused["verdict"], refused["code"]) == ("refused", "match_number")
    # One try: the digits of this answer are never asked for again.
    assert page.http.post("/open", json={"match": match}, headers=page.write).json()["code"] == "match_number"
    assert page.reader.posts("/release") == 0
    assert page.http.post("/open", json={"match": "12345"}, headers=page.write).status_code == 422


def test_an_answer_for_another_scenario_is_refused(page: Page, reader: ReaderStage) -> None:
    code = ask(page)
    given = reader.give(reader.item, ident=answer_id(code.nonce))
    match = match_number(code.nonce, given.envelope.grant.digest(reader.vault.vault.grant_domain))
    assert page.http.post("/open", json={"match": match}, headers=page.write).json()["code"] == "answer_scenario"


def test_a_request_that_nobody_answers_is_over_after_a_while(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "EVENTS_S", 2)
    monkeypatch.setattr(app, "LOOK_S", 0.0)
    ask(page)
    assert events(page).endswith("event: over\ndata: {}\n\n")
    assert page.http.post("/open", json={"match": "0000"}, headers=page.write).json()["code"] == "match_number"


def test_a_window_that_cannot_ask_says_why(page: Page) -> None:
    page.counter.scenario = "no-such"
    answer = page.http.post("/ask", headers=page.write)
    assert (answer.status_code, answer.json()["code"]) == (502, "scenario_not_found")
    assert page.counter.answered() is None


def test_only_the_windows_own_files_are_served(page: Page) -> None:
    kinds = {name: page.http.get(f"/static/{name}") for name in ("window.css", "window.js", "start.js", "sound.js", "day.js", "scanner.js", "zxing_reader.wasm")}
    assert {answer.status_code for answer in kinds.values()} == {200}
    for name in ("..%2fapp.py", "app.py", "window.js%00"):
        assert page.http.get(f"/static/{name}").status_code == 404
    assert page.http.get("/receipt/unknown").status_code == 404


def test_pages_carry_no_script_of_their_own(page: Page) -> None:
    for path in ("/", "/start", "/supervisor"):
        text = page.http.get(path).text
        assert "<script>" not in text
        assert "onclick" not in text
        assert "http" not in text.replace("http-equiv", "")


def test_the_journal_keeps_whole_lines_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    at = 1_800_000_000
    assert journal.day(at) == []
    journal.add(Line(at, 1, "s", "accept", receipt="r"))
    (path,) = (tmp_path / "window").glob("*.jsonl")
    with path.open("ab") as stream:
        stream.write(b'{"v": 2}\n[]\nnot JSON\n{"v": 1, "at": 5')
    assert journal.day(at) == [Line(at, 1, "s", "accept", receipt="r")]
    assert path.stat().st_mode & 0o777 == 0o600
    assert counts(journal.day(at)) == {"served": 1, "results": {"accept": 1}, "desks": {"1": 1}, "reasons": {}}
