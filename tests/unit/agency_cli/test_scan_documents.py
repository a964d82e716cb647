"""Documents that are shown at a window: fetched sealed, opened, checked, and drawn or kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from agency_cli.services.documents import Picture, kept_pictures
from agency_cli.services.review import review
from agency_cli.services.scan import Scanned
from agency_cli.window.app import create_app
from agency_cli.window.counter import Counter
from client.localsite import Entrance
from protocol.dcql import parse_query
from protocol.errors import OneFileError, Untrusted
from protocol.receipts import Officer
from tests import credential_samples as samples
from tests.reader_stage import CLAIMS, PDF, Issued, ReaderStage
from tests.scenario_samples import QUERY

JPEG = b"\xff\xd8\xff\xe0 a face \xff\xd9"
FILES = (samples.file_entry("证明.pdf", PDF), samples.file_entry("photo.jpg", JPEG, "image/jpeg"))
SHOWN = tuple(sorted((*CLAIMS, "/files/1")))


@pytest.fixture
def photo(reader: ReaderStage) -> Issued:
    """An item with a proof and a photo, and a scenario that asks for both."""
    if not hasattr(reader, "with_photo"):
        query = parse_query({"credentials": QUERY["credentials"][:1]})
        reader.with_photo_scenario = reader.post_scenario(scenario_id="with-photo", query=query)  # type: ignore[attr-defined]  # the test adds what the class does not declare
        reader.with_photo = reader.issue(PDF, JPEG, files=FILES)  # type: ignore[attr-defined]  # the test adds what the class does not declare
        reader.anchor()
    return reader.with_photo  # type: ignore[attr-defined, no-any-return]  # as above


def shown(reader: ReaderStage, *issued: Issued, **cook: Any) -> str:
    """A code whose wallet presents as soon as somebody collects."""
    session, code = reader.open_show()

    def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/collect") and answer.is_success:
            reader.present(session, *issued, **{"claims": SHOWN, **cook})
        return answer

    reader.bridge.lies.append(wallet)
    return code


def scan(reader: ReaderStage, photo: Issued, out: Path | None = None, **cook: Any) -> Scanned:
    return reader.scan(shown(reader, photo, **cook), scenario="with-photo", out=out, pictures=True)


def test_the_photo_is_opened_into_memory_and_the_documents_into_the_folder(reader: ReaderStage, photo: Issued) -> None:
    done = scan(reader, photo, reader.out)

    assert done.outcome.verdict == "accept"
    assert done.pictures == {photo.item: Picture("image/jpeg", JPEG)}
    assert (reader.out / "documents" / "1" / "证明.pdf").read_bytes() == PDF
    assert (reader.out / "documents" / "1" / "photo.jpg").read_bytes() == JPEG
    assert kept_pictures(reader.out, [judged.handed for judged in done.outcome.items]) == done.pictures
    assert review(reader.session, reader.desk(), reader.out, policy="window").outcome.verdict == "accept"


def test_without_an_order_nothing_of_a_document_is_fetched(reader: ReaderStage, photo: Issued) -> None:
    done = reader.scan(shown(reader, photo), scenario="with-photo")
    assert (done.pictures, done.folder) == ({}, None)
    assert reader.posts("/payloads/") == 0


def test_a_rejected_use_opens_no_document(reader: ReaderStage, photo: Issued) -> None:
    done = scan(reader, photo, reader.out, claims=(*SHOWN, "/holder/identity_number"))
    assert (done.outcome.verdict, done.pictures) == ("reject", {})
    assert reader.posts("/payloads/") == 0


@pytest.mark.parametrize(
    "cooked",
    [
        lambda _headers: [],
        lambda headers: headers[:1],
        lambda headers: [headers[0], {**headers[1], "payload": headers[0]["payload"]}][:1],
    ],
)
def test_headers_other_than_one_for_each_document_are_refused(reader: ReaderStage, photo: Issued, cooked: Any) -> None:
    with pytest.raises(Untrusted) as caught:
        scan(reader, photo, reader.out, headers=cooked)
    assert caught.value.code == "headers_other"
    assert not reader.out.exists()


def test_headers_that_were_swapped_open_nothing(reader: ReaderStage, photo: Issued) -> None:
    def swapped(headers: list[dict[str, str]]) -> list[dict[str, str]]:
        one, two = headers
        return [{**one, "header": two["header"]}, {**two, "header": one["header"]}]

    with pytest.raises(OneFileError):
        scan(reader, photo, reader.out, headers=swapped)
    assert not reader.out.exists()


def test_a_document_that_the_credential_does_not_show_is_refused(reader: ReaderStage, photo: Issued) -> None:
    def more(parcel: Any) -> Any:
        item = parcel.items[0]
        other = replace(item.documents[0], name="other.pdf")
        return replace(parcel, items=(replace(item, documents=(other, *item.documents[1:])),))

    with pytest.raises(Untrusted) as caught:
        scan(reader, photo, reader.out, parcel=more)
    assert caught.value.code == "document_unnamed"


class Desk:
    """The window's page, entered."""

    def __init__(self, reader: ReaderStage) -> None:
        self.counter = Counter(reader.session, 3, "with-photo", Officer("officer", "desk 3"))
        self.door = Entrance(8441)
        self.write = {"origin": self.door.origin}
        self.http = TestClient(create_app(self.counter, self.door), base_url=self.door.origin)
        self.http.post("/start", json={"token": self.door.token}, headers=self.write)

    def scan(self, code: str) -> Any:
        return self.http.post("/scan", json={"code": code}, headers=self.write).json()


@pytest.fixture
def window(reader: ReaderStage) -> Iterator[Desk]:
    yield Desk(reader)
    shutil.rmtree(reader.session.profile.folder / "window", ignore_errors=True)


def test_the_page_draws_the_photo_until_the_next_person_comes(reader: ReaderStage, photo: Issued, window: Desk) -> None:
    seen = window.scan(shown(reader, photo))

    assert seen["verdict"] == "accept"
    path = seen["items"][0]["photo"]
    assert path.startswith("/photo/")
    got = window.http.get(path)
    assert (got.content, got.headers["content-type"], got.headers["cache-control"]) == (JPEG, "image/jpeg", "no-store")
    reader.bridge.lies.clear()
    plain = window.scan(shown(reader, reader.item, claims=CLAIMS))
    assert (plain["verdict"], "photo" in plain["items"][0]) == ("accept", False)
    assert window.http.get(path).status_code == 404


def test_a_grant_that_answers_the_window_shows_its_photo_too(reader: ReaderStage, photo: Issued, window: Desk) -> None:
    from protocol.encoding import b64u
    from protocol.request_code import answer_id, match_number, parse_request

    window.counter.ask()
    assert window.counter._request is not None
    code = parse_request(window.counter._request.text).code
    given = reader.give(photo, claims=SHOWN, ident=answer_id(code.nonce), scenario=reader.with_photo_scenario)  # type: ignore[attr-defined]  # set below
    assert given.id == b64u(answer_id(code.nonce))
    digest = given.envelope.grant.digest(reader.vault.vault.grant_domain)
    seen = window.counter.open_answer(match_number(code.nonce, digest))
    assert window.http.get(seen["items"][0]["photo"]).content == JPEG
