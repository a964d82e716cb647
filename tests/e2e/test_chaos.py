"""A loaded vault, killed at random, loses nothing; and the checker that says so notices what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from protocol.encoding import unb64u
from tests.strangers import ROOT, need_path
from tools.chaos.evidence import Dossier, Evidence
from tools.chaos.journal import Act
from tools.chaos.judge import judge
from tools.chaos.run import Order, Report, play

Acts = list[Act]


@pytest.fixture(scope="module")
def report() -> Report:
    need_path(ROOT / "node_modules" / ".bin" / "anvil", "anvil")
    return play(Order(kills=2, seed=20261122, seconds=60, workers=2))


def test_a_loaded_vault_that_is_killed_at_random_loses_nothing(report: Report) -> None:
    assert report.faults == []
    assert report.kills == 2
    assert report.journal.count("answered") > 5
    assert report.journal.count("refused") == 0
    assert report.found is not None
    assert len(report.found.entries) > report.journal.count("answered")
    assert report.lines()[-1].startswith("chaos: 2 kills, ")


# --- the checker notices ---------------------------------------------------------------------------


def busy(found: Evidence, acts: Sequence[Act], kind: str) -> tuple[Dossier, Act]:
    """A dossier with an acknowledged operation of this kind, and the operation."""
    act = next(act for act in acts if act.kind == kind and act.state == "answered")
    return found.dossiers[act.holder], act


def item_lost(found: Evidence, acts: Acts) -> None:
    dossier, act = busy(found, acts, "deposit")
    dossier.items = [item for item in dossier.items if unb64u(item.item) != act.ident]


def payload_lost(found: Evidence, acts: Acts) -> None:
    dossier, act = busy(found, acts, "deposit")
    dossier.payloads -= set(act.payloads)


def entry_lost(found: Evidence, acts: Acts) -> None:
    dossier, act = busy(found, acts, "deposit")
    dossier.history = [logged for logged in dossier.history if logged.index != act.index]


def entry_doubled(found: Evidence, acts: Acts) -> None:
    dossier, act = busy(found, acts, "deposit")
    dossier.history += [logged for logged in dossier.history if logged.index == act.index]


def at_another_place(found: Evidence, acts: Acts) -> None:
    _, act = busy(found, acts, "deposit")
    act.index = 0


def not_asked_for(found: Evidence, acts: Acts) -> None:
    _, act = busy(found, acts, "deposit")
    acts.remove(act)


def refused(found: Evidence, acts: Acts) -> None:
    _, act = busy(found, acts, "deposit")
    act.state, act.code = "refused", "busy"


def given_up_and_half_there(found: Evidence, acts: Acts) -> None:
    _, act = busy(found, acts, "deposit")
    act.state = "given up"
    item_lost_of(found, act)


def item_lost_of(found: Evidence, act: Act) -> None:
    dossier = found.dossiers[act.holder]
    dossier.items = [item for item in dossier.items if unb64u(item.item) != act.ident]


def grant_lost(found: Evidence, acts: Acts) -> None:
    dossier, act = busy(found, acts, "grant")
    dossier.grants = [row for row in dossier.grants if unb64u(row.grant) != act.ident]


def use_counted_twice(found: Evidence, acts: Acts) -> None:
    dossier, act = busy(found, acts, "grant")
    at = next(i for i, row in enumerate(dossier.grants) if unb64u(row.grant) == act.ident)
    row = dossier.grants[at]
    dossier.grants[at] = row.model_copy(update={"uses": row.uses + 1})


def never_ended(found: Evidence, acts: Acts) -> None:
    _, act = busy(found, acts, "grant")
    acts.append(replace(act, kind="revoke", object_sha256=bytes(32)))


def rolled_back(found: Evidence, _acts: Acts) -> None:
    found.notes.append(found.notes[0])


def unsigned(found: Evidence, _acts: Acts) -> None:
    found.notes[0] = found.notes[0].replace(b"\n", b"\nx", 1)


def unproven(found: Evidence, _acts: Acts) -> None:
    found.steps[0] = replace(found.steps[0], proof=(bytes(32),))


def proof_missing(found: Evidence, _acts: Acts) -> None:
    found.steps.pop()


def entry_rewritten(found: Evidence, _acts: Acts) -> None:
    found.entries[1], found.entries[2] = found.entries[2], found.entries[1]


def entries_cut(found: Evidence, _acts: Acts) -> None:
    found.entries.pop()


def of_no_dossier(found: Evidence, acts: Acts) -> None:
    found.dossiers[0] = Dossier(found.dossiers[0].tag_key)


def anchored_twice(found: Evidence, _acts: Acts) -> None:
    found.anchors.append(found.anchors[-1])


def anchored_other(found: Evidence, _acts: Acts) -> None:
    found.anchors[-1] = (found.anchors[-1][0], bytes(32))


def anchored_beyond(found: Evidence, _acts: Acts) -> None:
    found.anchors.append((len(found.entries) + 1, bytes(32)))


NOTICED: dict[Callable[[Evidence, Acts], None], str] = {
    item_lost: "0 items, and its entry is there",
    payload_lost: "a payload does not come back",
    entry_lost: "and is at []",
    entry_doubled: "is in the log 2 times",
    at_another_place: "was acknowledged at 0",
    not_asked_for: "that nobody asked for",
    refused: "was refused: busy",
    given_up_and_half_there: "0 items, and its entry is there",
    grant_lost: "0 grants, and its entry is there",
    use_counted_twice: "and the vault counts",
    never_ended: "is not on the chain",
    rolled_back: "the log went back",
    unsigned: "not signed by the log's key",
    unproven: "does not extend",
    proof_missing: "a consistency proof between two heads is missing",
    entry_rewritten: "the entries do not lead to the head",
    entries_cut: "entries was seen, and",
    of_no_dossier: "is of no dossier",
    anchored_twice: "was anchored 2 times",
    anchored_other: "is not the log's",
    anchored_beyond: "entries is anchored, and",
}


@pytest.mark.parametrize("doctor", NOTICED, ids=lambda doctor: doctor.__name__)
def test_the_checker_notices_what_is_wrong(report: Report, doctor: Callable[[Evidence, Acts], None]) -> None:
    found, acts = copy.deepcopy(report.found), copy.deepcopy(report.journal.acts)
    assert found is not None
    assert judge(found, acts) == []
    doctor(found, acts)
    assert any(NOTICED[doctor] in fault for fault in judge(found, acts))
