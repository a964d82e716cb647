"""What was once worth keeping is replayed: no parser lets anything foreign out, and none of it is dear."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import corpus, page, tally
from tests.fuzz.bombs import bombs
from tests.fuzz.corpus import Kept
from tests.fuzz.cost import Cost, cost, warm
from tests.fuzz.minimise import minimised, reached
from tests.fuzz.parser import CPU_MS, MEMORY_MIB, Foreign, Parser, Skip, attempt, longest, no_bombs
from tests.fuzz.registry import PARSERS
from tests.strangers import ROOT

each_parser = pytest.mark.parametrize("name", PARSERS)
WITH_BOMBS = [parser.name for parser in PARSERS.values() if parser.bombs is not no_bombs]
CORPUS_BYTES = 3 << 20
# Why nothing gets through: each of these raises whatever it is given.
NEVER_TAKEN = {
    "contract-refusal": "what it reads is a refusal",
    "http-problem": "what it reads is a refusal",
    "mnemonic": "read in every language, and refused in one that there is not",
    "pack-file": "signed by another; what is in it is read by pack-body",
    "path-ids": "read by four readers, of which each takes another form",
    "tiles": "read by five readers, of which each takes another form",
    "trust-file": "signed by another; what is in it is read by trust-body",
}
LONGEST = 16 << 10


@each_parser
def test_a_parser_lets_nothing_foreign_out_on_its_seeds_and_its_corpus(name: str) -> None:
    parser = PARSERS[name]
    seeds, kept = parser.seeds(), corpus.load(name)
    assert seeds
    for data in [*seeds, *(one.data for one in kept)]:
        attempt(parser, data)


def test_every_parser_takes_a_seed_that_a_run_does_not_cut() -> None:
    assert {name for name, parser in PARSERS.items() if not taken(parser)} == set(NEVER_TAKEN)
    assert max(map(longest, PARSERS.values())) <= LONGEST


def taken(parser: Parser) -> list[bytes]:
    """The seeds that get through, of those that a run leaves as they are."""
    return [seed for seed in parser.seeds() if len(seed) <= longest(parser) and attempt(parser, seed) == "ok"]


def cheapest(parser: Parser, data: bytes) -> Cost:
    """What an input costs: the least of three, if the first is too much, since a busy machine makes time dearer."""
    spent = cost(parser, data)
    return min([spent, cost(parser, data), cost(parser, data)], key=lambda one: one.cpu_ms) if spent.over(parser) else spent


@pytest.mark.parametrize("name", WITH_BOMBS)
def test_the_dearest_inputs_that_we_know_stay_within_the_bounds(name: str) -> None:
    parser = PARSERS[name]
    warm(parser)
    over = [(n, spent) for n, data in enumerate(parser.bombs()) if (spent := cheapest(parser, data)).over(parser)]
    assert over == []


def test_another_bound_than_the_usual_is_explained() -> None:
    others = [p.name for p in PARSERS.values() if (p.cpu_ms, p.mib) != (CPU_MS, MEMORY_MIB)]
    page = (ROOT / "docs" / "fuzzing.md").read_text(encoding="utf-8")
    assert [name for name in others if not PARSERS[name].why or f"`{name}`" not in page] == []


def test_the_page_has_the_numbers_of_the_tally() -> None:
    text = page.FILE.read_text(encoding="utf-8")
    assert page.made(text, tally.load()) == text, "run python -m tests.fuzz page"


def test_large_inputs_grow_from_the_seeds_to_the_limit() -> None:
    made = dict(bombs(PARSERS["receipt"]))
    assert max(map(len, made.values())) > PARSERS["receipt"].limit // 2
    assert any(name.startswith("seed 0 members at") for name in made)


def test_the_corpus_is_small_and_of_parsers_that_there_are() -> None:
    files = list(corpus.FOLDER.iterdir())
    assert {path.stem for path in files} == set(PARSERS)
    assert sum(path.stat().st_size for path in files) < CORPUS_BYTES


def test_the_tally_counts_parsers_that_there_are() -> None:
    counts = tally.load()
    assert set(counts) <= set(PARSERS)
    assert all(count.inputs >= 0 and count.finds >= 0 for count in counts.values())


# --- the harness itself ---------------------------------------------------------------------------


def a_parser(call: object, **more: object) -> Parser:
    given = {"reads": ("x",), "seeds": lambda: [b"seed"], **more}
    return Parser("mine", call, **given)  # type: ignore[arg-type]  # stand-ins of the same shape


def test_a_foreign_exception_is_a_find_and_ours_is_not() -> None:
    from protocol.errors import Denied, Malformed

    def fails(data: bytes) -> None:
        kinds = {b"ours": Malformed("code", "told"), b"denied": Denied("code", "told"), b"skip": Skip()}
        raise kinds.get(data, KeyError("foreign"))

    parser = a_parser(fails)
    assert attempt(parser, b"ours") == "code"
    assert attempt(parser, b"skip") == "skipped"
    for data in (b"foreign", b"denied"):  # a parser raises Malformed and nothing else
        with pytest.raises(Foreign):
            attempt(parser, data)


def test_an_error_that_cannot_be_told_is_a_find() -> None:
    from protocol.errors import Malformed

    def raises(error: Malformed) -> Parser:
        def call(_data: bytes) -> None:
            raise error

        return a_parser(call)

    for error in (Malformed("Not a code", "x"), Malformed("long", "{x}", x="a" * 9000), Malformed("bad", "\ud800")):
        with pytest.raises(Foreign):
            attempt(raises(error), b"")


def test_cost_counts_what_an_input_takes_and_a_death_is_told() -> None:
    import os

    spent = cost(a_parser(lambda _data: bytearray(64 << 20)), b"")
    assert 60 < spent.mib < 80
    assert spent.over(a_parser(None, mib=32.0))
    assert cost(a_parser(lambda _data: os.kill(os.getpid(), 9)), b"").outcome == "died"
    assert cost(a_parser(lambda _data: {}["x"]), b"").outcome == "foreign"


def test_only_what_reaches_something_new_is_kept_and_what_found_a_fault_always() -> None:
    parser = PARSERS["hex"]
    same = [Kept(b"0x00"), Kept(b"0x01"), Kept(b"0x0123"), Kept(b"zz"), Kept(b"yy", "a fault of old")]
    kept = minimised(parser, same)
    assert [one.data for one in kept] == [b"yy", b"0x00"]
    assert reached(parser, b"0x00") != reached(parser, b"zz")


def test_a_corpus_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    corpus.save("x", [Kept(b"long one"), Kept(b"\xff"), Kept(b"\xff", "noted")], tmp_path)
    assert corpus.load("x", tmp_path) == [Kept(b"\xff", "noted"), Kept(b"long one")]
    assert corpus.load("y", tmp_path) == []


def test_the_tally_adds_up(tmp_path: Path) -> None:
    counts = tally.added({"a": tally.Count(5, 1)}, {"a": (10, 0), "b": (3, 2)})
    tally.save(counts, tmp_path / "t.json")
    assert tally.load(tmp_path / "t.json") == counts == {"a": tally.Count(15, 1), "b": tally.Count(3, 2)}
    assert tally.load(tmp_path / "none.json") == {}


@pytest.mark.timeout(120)
def test_a_run_tells_what_it_found_and_how_to_see_it_again(tmp_path: Path) -> None:
    """The blind engine, which every machine has, on one parser for a second."""
    folder = tmp_path / "job"
    (folder / "corpus").mkdir(parents=True)
    (folder / "corpus" / "seed").write_bytes(b"0x00")
    job = {"parser": "hex", "folder": str(folder), "seconds": 1, "runs": -1, "seed": 7, "dictionary": ""}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.blind"], input=json.dumps(job) + "\n", capture_output=True, text=True,
        cwd=ROOT, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout) == {"parser": "hex", "status": 0}, done.stderr
    assert "stat::number_of_executed_units" in (folder / "log").read_text()
    shown = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "replay", "hex", str(folder / "corpus" / "seed")], capture_output=True,
        text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert (shown.returncode, shown.stdout.strip().endswith(": ok")) == (0, True), shown.stderr
