"""An issuer tells holder and readers that an item was corrected."""

from __future__ import annotations

import json

import pytest

from agency_cli import common
from agency_cli.services.records import Issued, Records
from protocol.credential import StatusRef
from protocol.status_list import status_uri
from tests.reader_stage import ReaderStage
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run, data

run = reading.run


def test_an_issuer_tells_that_an_item_was_corrected(
    reader: ReaderStage, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = reader.open_session(reader.issuer, "hr")
    status = StatusRef(status_uri(reader.issuer.address, 0), 0)
    record = Issued(
        reader.item.item, "11370000MB2849999B", "urn:x", reader.alice.dossier, bytes(16), status, bytes(32), 1
    )
    Records(session.profile.folder).save(record)
    monkeypatch.setattr(common, "make_session", lambda *_: session)

    told = data(run("notices", "correct", record.id[:12], "--text", "a misprint; see the new one", "--json"))

    assert told["item"] == record.id
    (row,) = reader.vault.get(reader.alice, "/v1/me/notices").json()["rows"]
    assert (row["kind"], row["index"], row["item"]) == ("correction", told["index"], record.id)
    assert "entry" in run("notices", "correct", record.id, "--text", "again")[1]
    code, _, err = run("notices", "correct", "zzzz", "--text", "x", "--json")
    assert (code, json.loads(err)["error"]["code"]) == (6, "issued_not_found")
