"""One suite over every journal of transactions: in memory, in SQLite, in PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chain.fees import GWEI, Fees
from chain.journal import Attempt, Journal, MemoryJournal
from chain.values import BlockRef
from protocol.hashing import sha256
from scripts.servers.postgres import Postgres
from vault_api.db.engine import open_engine
from vault_api.db.migrate import migrate
from vault_api.journal import DatabaseJournal

BLOCK = BlockRef(9, sha256(b"block"), 1_800_000_000)
Another = tuple[Journal, Journal]  # two of one account: as in two processes


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database's URL; empty for memory."""
    if request.param == "memory":
        yield ""
        return
    if request.param == "sqlite":
        yield _migrated(f"sqlite:///{tmp_path_factory.mktemp('journal') / 'vault.db'}")
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    with server.database() as url:
        yield _migrated(url)


@pytest.fixture
def journals(place: str, request: pytest.FixtureRequest) -> Iterator[Another]:
    """Two journals of an account that no other test has."""
    if not place:
        one = MemoryJournal()
        yield one, one
        return
    account = sha256(request.node.name.encode())[:20]
    two = DatabaseJournal(place, account), DatabaseJournal(place, account)
    yield two
    for one_of_them in two:
        one_of_them.close()


def _migrated(url: str) -> str:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return url


def attempt(nonce: int, fee: int = 2, *, data: bytes = b"data") -> Attempt:
    name = sha256(data, bytes([nonce, fee]))
    return Attempt(nonce, sha256(b"lane"), bytes(20), data, 50_000, Fees(GWEI, fee * GWEI), name)


def test_what_is_written_down_is_there_for_all_who_share_the_journal(journals: Another) -> None:
    ours, theirs = journals
    made = replace(attempt(3), to=None)
    assert ours.begin(made)
    assert ours.begin(attempt(1))
    assert theirs.attempts() == [attempt(1), made]
    assert theirs.of(3) == [made]
    assert theirs.of(2) == []


def test_a_number_is_given_out_once(journals: Another) -> None:
    ours, theirs = journals
    assert ours.begin(attempt(3))
    assert not theirs.begin(attempt(3, data=b"other"))
    assert theirs.attempts() == [attempt(3)]


def test_of_many_who_want_a_number_one_gets_it(journals: Another) -> None:
    got: list[bool] = []
    ready = threading.Barrier(6)

    def want(journal: Journal, number: int) -> None:
        ready.wait(20)
        got.append(journal.begin(attempt(5, data=bytes([number]))))

    threads = [threading.Thread(target=want, args=(journals[number % 2], number)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 5 + [True]
    assert len(journals[0].attempts()) == 1


def test_an_attempt_takes_the_place_of_a_cheaper_one_of_its_number(journals: Another) -> None:
    ours, theirs = journals
    assert not ours.replace(attempt(3))
    ours.begin(attempt(3))
    assert theirs.replace(attempt(3, 3))
    assert not ours.replace(attempt(3, 3, data=b"as dear"))
    assert ours.of(3) == [attempt(3), attempt(3, 3)]


def test_the_block_of_one_attempt_is_noted_and_taken_back(journals: Another) -> None:
    ours, theirs = journals
    ours.begin(attempt(3))
    ours.replace(attempt(3, 3))
    ours.included(3, attempt(3).hash, BLOCK)
    assert theirs.of(3) == [replace(attempt(3), block=BLOCK), attempt(3, 3)]
    ours.included(3, attempt(3, 3).hash, BLOCK)
    assert theirs.of(3) == [attempt(3), replace(attempt(3, 3), block=BLOCK)]
    theirs.included(3, None, None)
    assert ours.of(3) == [attempt(3), attempt(3, 3)]
    ours.included(4, attempt(4).hash, BLOCK)
    assert ours.of(4) == []


def test_what_waits_and_what_is_in_the_newest_block_are_told(journals: Another) -> None:
    ours, theirs = journals
    assert ours.newest() is None
    for number in (1, 2, 3):
        ours.begin(attempt(number))
    ours.replace(attempt(2, 3))
    ours.included(1, attempt(1).hash, BLOCK)
    ours.included(3, attempt(3).hash, replace(BLOCK, number=8))
    assert theirs.waiting() == [attempt(2), attempt(2, 3)]
    assert theirs.newest() == replace(attempt(1), block=BLOCK)
    theirs.bury(9)
    assert [one.nonce for one in ours.attempts()] == [1, 2, 2]
    theirs.bury(9)
    ours.included(1, None, None)
    assert ours.newest() is None
    assert [one.nonce for one in theirs.waiting()] == [1, 2, 2]


def test_numbers_are_forgotten_and_free_again(journals: Another) -> None:
    ours, theirs = journals
    for number in range(3):
        ours.begin(attempt(number))
    theirs.forget([0, 2, 7])
    assert ours.attempts() == [attempt(1)]
    assert ours.begin(attempt(2))


def test_accounts_share_a_database_and_no_numbers(journals: Another, place: str) -> None:
    ours, _ = journals
    if not place:
        assert MemoryJournal().begin(attempt(3))  # in memory a journal is one account's
        return
    other = DatabaseJournal(place, b"\x08" * 20)
    assert ours.begin(attempt(3))
    assert other.begin(attempt(3, data=b"other"))
    other.forget([3])
    assert ours.attempts() == [attempt(3)]
    other.close()
