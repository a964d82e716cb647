"""The parts of ``make fuzz-http`` that need no vault. Its calls stay behind that target.

They need schemathesis' own environment, a chain and a vault as processes, and their clocks and random ids: the cases
are the same for the same seed, what the vault then holds is not, so that a run is no test that passes or fails twice
alike.
"""

from __future__ import annotations

import random

from tests.fuzz.http import faults, served
from tests.fuzz.real_bodies import ODD, changed

METRICS = """
# HELP onefile_requests_total x
onefile_requests_total{method="GET",route="/v1/info",status="200"} 7.0
onefile_requests_total{method="PUT",route="/v1/info",status="200"} 1.0
onefile_requests_total{method="GET",route="/v1/status-lists/{account}/{n}",status="500"} 2.0
onefile_requests_created{method="GET",route="/v1/info",status="500"} 9.0
"""


def test_the_vaults_own_count_is_read_by_status() -> None:
    assert served(METRICS) == {"200": 8, "500": 2}


def test_a_5xx_is_a_fault_whoever_saw_it() -> None:
    fine = {"failures": [], "served": {"200": 8, "404": 1}}
    assert faults(fine) == []
    assert faults({**fine, "served": served(METRICS)}) == ["the vault answered 2 times 500"]
    failure = {"operation": "GET /v1/info", "what": "status 500"}
    assert faults({**fine, "failures": [failure]}) == ["GET /v1/info: status 500"]


def test_a_body_is_changed_in_one_place_and_the_same_by_the_same_seed() -> None:
    body = {"a": 1, "b": {"c": [1, 2], "d": "x"}, "e": []}
    for number in range(200):
        made = changed(body, random.Random(number))
        assert made == changed(body, random.Random(number))
        assert made != body or any(odd == body["a"] for odd in ODD)  # true is 1
    assert body == {"a": 1, "b": {"c": [1, 2], "d": "x"}, "e": []}
