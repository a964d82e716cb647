"""Problems of the vault, as a person reads them."""

from __future__ import annotations

import json

from client.problems import error_of
from console.i18n import describe, moment

NOW = 1_800_000_000


def problem(detail: str, **facts: object) -> bytes:
    return json.dumps({"code": "grant_interval", "fault": "denied", "detail": detail, "facts": facts}).encode()


def test_times_are_read_as_dates_and_seconds_stay_among_the_facts() -> None:
    said = f"the last use was at {NOW}; the next may be at {NOW + 3600}"
    error = error_of(403, problem(said, last=NOW, next=NOW + 3600))
    assert describe(error) == f"the last use was at {moment(NOW)}; the next may be at {moment(NOW + 3600)}"
    assert error.facts == {"last": NOW, "next": NOW + 3600}


def test_what_is_no_time_stands_as_it_came() -> None:
    said = f"{{last}} of 1{NOW} bytes, {NOW} asked, 90 s"
    assert describe(error_of(403, problem(said, got=NOW, last=90, next=NOW + 1))) == said
