"""What a use leaves on disk: its folder, the names in it, and what is remembered of the chain."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from agency_cli.services import folders, release
from protocol.errors import Conflict
from tests.reader_stage import ReaderStage


def test_a_folder_that_is_being_built_is_gone_after_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with folders.building(tmp_path / "use") as part:
            (part / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_somebody_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(Conflict), folders.building(tmp_path / "use"):
        (tmp_path / "use").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["use"]


@pytest.mark.parametrize(
    ("name", "fits"),
    [("证明.pdf", True), ("x" * 196 + ".pdf", True), ("证" * 190 + ".pdf", False), ("证" * 70, False)],
)
def test_a_long_name_is_shortened_to_what_a_file_may_be_called(tmp_path: Path, name: str, fits: bool) -> None:
    path = folders.document_path(tmp_path, 1, name)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")

    assert (path.name == name) == fits
    assert path.suffix == Path(name).suffix
    assert folders.document_path(tmp_path, 1, name) == path


def test_two_long_names_with_one_beginning_stay_apart(tmp_path: Path) -> None:
    one, other = ("证" * 100 + end + ".pdf" for end in "甲乙")

    assert folders.document_path(tmp_path, 1, one) != folders.document_path(tmp_path, 1, other)


def test_a_document_with_a_name_of_200_characters_is_kept(fresh_reader: ReaderStage) -> None:
    from tests import credential_samples as samples

    reader, name = fresh_reader, "证" * 196 + ".pdf"
    issued = reader.issue(b"%PDF", files=(samples.file_entry(name, b"%PDF"),))
    reader.anchor()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.reader_stage.samples_name", lambda _number: name)
        given = reader.give(issued)

    done = reader.release(given)

    assert done.outcome.verdict == "accept"
    (kept,) = (reader.out / "documents/1").iterdir()
    assert kept.read_bytes() == b"%PDF"


def test_what_the_chain_said_is_remembered_for_a_day(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    given = reader.give(reader.item)
    assert not reader.session.profile.trust_file.exists()
    reader.release(given)
    first = reader.session.profile.trust_file.read_bytes()
    reader.pass_time(3000)
    reader.release(given, out=reader.folder / "two")
    assert reader.session.profile.trust_file.read_bytes() == first
    reader.pass_time(86_400)
    reader.publish_status()
    reader.release(given, out=reader.folder / "three")
    assert reader.session.profile.trust_file.read_bytes() != first


def test_a_use_is_no_failure_because_its_memory_can_not_be_written(fresh_reader: ReaderStage) -> None:
    fresh_reader.refuse("/v1/agencies", 503)
    desk = fresh_reader.desk()
    fresh_reader.bridge.lies.clear()
    given = fresh_reader.give(fresh_reader.item)

    def fail_at_the_end(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        return httpx2.Response(503) if request.url.path == "/v1/agencies" else answer

    fresh_reader.bridge.lies.append(fail_at_the_end)
    done = release.release(fresh_reader.session, desk, fresh_reader.order(given))
    assert done.outcome.verdict == "accept"
    assert not fresh_reader.session.profile.trust_file.exists()


def test_without_the_chain_nothing_is_remembered(fresh_reader: ReaderStage) -> None:
    from agency_cli.services.trusting import keep_trust

    desk = fresh_reader.desk()
    desk.live = False
    keep_trust(fresh_reader.session, desk)

    assert not fresh_reader.session.profile.trust_file.exists()
