"""What a vault could do to the trace of a dossier, and who notices: the holder's audit, the reader, or anyone.

The vault of these tests is the real one, and what it does here it does with its own database and its own log key.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from protocol.encoding import b64u
from protocol.entries import Entry, pv_n, tag_n
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.statements import Statement, sign_statement
from protocol.tiles import build_bundle
from tests.unit.wallet_cli.conftest import Lying, Outcome, World, look, run_on, shared, stage, wallet, world
from tests.unit.wallet_cli.test_uses import use
from vault_api.db import tables as t
from vault_api.log_key import read_secret
from vault_api.logbook import log_event
from wallet_cli.services import auditing, tracing

__all__ = ["look", "run_on", "shared", "stage", "wallet", "world"]
Wallet = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No agent of the person who runs the tests is asked, and English is spoken."""
    for name in ("ONEFILE_LANG", "LC_ALL", "LC_MESSAGES", "LANG", "ONEFILE_PROFILE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nonexistent")


def codes(done: Outcome) -> set[str]:
    return {finding["code"] for finding in done.json["findings"]}


def audited(wallet: Wallet, **more: Any) -> Outcome:
    return wallet("audit", "--full", "--anew", "--json", **more)


def lying(world: World, **rules: Callable[[Any], Any]) -> Lying:
    made = Lying(world.stage.transport)
    made.rules = {"/v1/" + path.replace("__", "/"): rule for path, rule in rules.items()}
    return made


def without_last(body: Any) -> Any:
    changed = copy.deepcopy(body)
    changed["rows"] = changed["rows"][:-1]
    return changed


def append(world: World, entry: Entry) -> int:
    """The vault appends what it likes to its own log."""
    index = world.stage.vault.sequencer.call(lambda tx: tx.append(entry.serialise()))
    world.stage.clock.time += 10
    world.stage.tick()
    return index


def signer(world: World) -> Ed25519NoteSigner:
    return Ed25519NoteSigner(world.stage.vault.origin, read_secret(world.stage.vault.settings.log_key) or b"")


# --- a vault that drops an event ------------------------------------------------------------------------


def test_a_use_that_is_logged_and_not_listed_is_found_by_the_audit(world: World, wallet: Wallet) -> None:
    """The reader was shown its use in the log, so it is there; the holder's list ends before it."""
    use(world)
    liar = lying(world, me__log=without_last)
    assert wallet("sync", transport=liar).code == 0  # nothing in the list shows it

    done = audited(wallet, transport=liar)

    assert (done.code, codes(done)) == (3, {"event_withheld"})
    index = list(world.stage.vault.log.node_reader(world.stage.vault.log.size).entries(0))
    assert done.json["findings"][0]["index"] == max(n for n, raw in enumerate(index) if Entry.parse(raw).t == "access")
    honest = wallet("audit", "--full", "--json")
    assert (honest.code, codes(honest)) == (0, set())


def test_an_event_that_is_dropped_in_the_middle_is_a_gap_with_its_number(world: World, wallet: Wallet) -> None:
    use(world)

    def drop(body: Any) -> Any:
        changed = copy.deepcopy(body)
        del changed["rows"][1]
        return changed

    done = wallet("uses", "--json", transport=lying(world, me__log=drop))
    (finding,) = [finding for finding in done.json["findings"] if finding["grade"] == "wrong"]
    assert done.code == 3
    assert finding["code"] in {"history_gap", "history_fork"}
    assert finding["advice"]


# --- a vault that gives one number twice ------------------------------------------------------------------


@pytest.mark.parametrize("by", ["tag", "link"])
def test_two_entries_for_one_number_are_found_by_the_audit(world: World, wallet: Wallet, by: str) -> None:
    key = world.alice.keys.tag_key.unsafe_bytes
    tag = tag_n(key, 1) if by == "tag" else b"\x01" * 32
    link = pv_n(key, 0, bytes(32)) if by == "link" else b"\x02" * 32
    index = append(world, Entry("note", tag, link, b"\x03" * 32))

    done = audited(wallet)

    assert (done.code, codes(done)) == (3, {"event_withheld"})
    assert done.json["findings"][0]["index"] == index


# --- a vault that writes wrong times ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "code"), [(-40 * 86_400, "entry_backdated"), (40 * 86_400, "entry_postdated")], ids=["back", "ahead"]
)
def test_a_time_that_the_chain_contradicts_is_told(world: World, wallet: Wallet, shift: int, code: str) -> None:
    alice = world.alice
    said = Statement("A" * 22, world.stage.clock.now() + shift, "urn:x", alice.log.origin, "notice", text="early")
    said = Statement(**{**{f: getattr(said, f) for f in said.__slots__}, "iss": world.hr.urn})
    word = sign_statement(said, world.hr.present)
    with world.stage.vault.engine.connect() as conn:
        row = conn.execute(select(t.dossiers.c.row)).scalar_one()
    world.stage.vault.sequencer.call(lambda tx: log_event(tx, row, "note", word.encode()))
    world.stage.clock.time += 10
    world.stage.tick()

    done = wallet("uses", "--all", "--json")

    assert done.code == 3
    assert code in codes(done)
    event = done.json["events"][-1]
    assert event["anchor"]["block"] > 0
    assert code in wallet("uses", "--all").err


def test_an_event_that_is_never_anchored_is_told_after_a_day(world: World, wallet: Wallet) -> None:
    assert wallet("claim", world.item).code == 0  # logged, and the publisher does nothing more
    assert codes(wallet("uses", "--json")) == set()
    world.stage.clock.time += tracing.UNANCHORED_S + 100
    world.stage.rounds[0].round()  # the vault hears the chain, and anchors nothing
    done = wallet("audit", "--json")
    assert done.out, done.err
    assert (done.code, codes(done)) == (3, {"entry_not_anchored"})


# --- a vault that forks ---------------------------------------------------------------------------------------


def test_a_head_that_only_the_holder_is_shown_ends_in_a_fork(world: World, wallet: Wallet) -> None:
    forged = sign_checkpoint(Checkpoint(world.stage.vault.origin, world.stage.vault.log.size, b"\x09" * 32), signer(world))
    done = wallet("audit", "--full", "--json", transport=lying(world, log__checkpoint=lambda _note: forged))
    assert done.code == 3
    assert [(one["code"], one["cause"]) for one in done.json["findings"]] == [("log_forked", "equivocation")]
    assert done.json["log"] is None


def test_a_head_behind_the_chain_is_refused(world: World, wallet: Wallet) -> None:
    early = world.stage.vault.log.head.note
    kept = world.alice.store.log_head()
    world.alice.store.save_log_head(type(kept)())  # a device that has seen nothing yet
    use(world)
    world.alice.store.save_log_head(type(kept)())
    done = wallet("audit", "--full", "--json", transport=lying(world, log__checkpoint=lambda _note: early))
    assert done.code == 3


# --- a vault that withholds or garbles what the log is read from --------------------------------------------------


GONE = json.dumps({"type": "x", "title": "", "status": 404, "detail": "", "code": "tile_unknown", "fault": "denied"})
BUNDLES: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "withheld": (
        lambda _raw: httpx2.Response(404, content=GONE, headers={"content-type": "application/problem+json"}),
        {"tile_missing"},
    ),
    "another entry": (lambda raw: raw.replace(b'"t":"issue"', b'"t":"other"', 1), {"entries_other"}),
    "cut off": (lambda raw: raw[:-3], {"bundle"}),
    "one entry less": (lambda raw: raw[: -2 - int.from_bytes(raw[:2], "big")], {"bundle", "bundle_width"}),
    "garbage": (lambda _raw: b"\xff" * 100_000, {"bundle", "bundle_width"}),
    "much": (lambda _raw: b"\x00\x00" * 600_000, {"vault_answer_too_large"}),
    "strangers": (lambda _raw: build_bundle([b"x"] * 3), {"bundle_width", "entries_other"}),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_entries_that_are_not_the_logs_end_the_audit(shared: World, look: Wallet, name: str) -> None:
    rule, problems = BUNDLES[name]
    done = audited(look, transport=lying(shared, log__tile__entries=rule))
    assert done.code in {3, 7}
    assert done.problem in problems


def test_an_audit_that_broke_off_goes_on_at_the_last_anchored_head(
    world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "KEEP_EVERY", 1)
    calls: list[str] = []

    def later(raw: Any) -> Any:
        calls.append("bundle")
        return raw

    assert wallet("audit", "--full", "--json", transport=lying(world, log__tile__entries=later)).code == 0
    first = json.loads((world.alice.store.folder / "audit.json").read_text())
    use(world)
    assert wallet("audit", "--full", "--json", transport=lying(world, log__tile__entries=lambda _raw: b"x")).code == 3
    assert json.loads((world.alice.store.folder / "audit.json").read_text()) == first
    again = wallet("audit", "--full", "--json")
    assert again.json["log"]["from"] > 0


@pytest.mark.parametrize(
    "kept", ['{"v": 1}', '{"v":1,"origin":"x","frontier":"AAAAAAAAAAA","hits":[]}', '{"v":1,"origin":"x","frontier":"AAAAAAAAAAA","hits":[1]}']
)
def test_a_garbled_or_foreign_audit_file_begins_anew(shared: World, look: Wallet, kept: str) -> None:
    (shared.alice.store.folder / "audit.json").write_text(kept)
    done = look("audit", "--full", "--json")
    assert (done.code, done.json["log"]["from"]) == (0, 0)


def test_an_event_that_was_hidden_from_the_last_audit_makes_it_begin_anew(world: World, wallet: Wallet) -> None:
    assert wallet("audit", "--full").code == 0
    path = world.alice.store.folder / "audit.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "hits": state["hits"][:-1]}))
    assert wallet("audit", "--full", "--json").json["log"]["from"] == 0


def test_without_the_chain_there_is_no_full_audit(world: World, wallet: Wallet) -> None:
    from protocol.errors import Unavailable

    class Away:
        deployment = world.stage.ledger.deployment

        def __getattr__(self, name: str) -> Any:
            raise Unavailable("chain_unreachable", "no answer")

    done = wallet("audit", "--full", "--json", opener=lambda _settings, _record: Away())
    assert (done.code, done.problem) == (7, "chain_unreachable")


def test_a_frontier_that_the_chain_contradicts_is_not_gone_on_with(world: World, wallet: Wallet) -> None:
    assert wallet("audit", "--full").code == 0
    path = world.alice.store.folder / "audit.json"
    state = json.loads(path.read_text())
    from protocol.encoding import unb64u
    from protocol.merkle import Frontier

    frontier = Frontier.parse(unb64u(state["frontier"]))
    other = Frontier(frontier.size, (b"\x07" * 32, *frontier.peaks[1:]))
    path.write_text(json.dumps({**state, "frontier": b64u(other.serialise())}))
    assert wallet("audit", "--full", "--json").json["log"]["from"] == 0
