"""Comparisons of secrets take as long for a guess that is nearly right as for one that is wrong at once.

First by reading: every comparison of something secret goes through ``hashing.same``. Then by measuring, with a control
that shows that the method would see a comparison that stops at the first difference.
"""

from __future__ import annotations

import ast
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.localsite import Entrance
from protocol.entries import AccessRecord, Opening, dossier_entry, grant_tag_key, verify_access
from protocol.envelope import seal_bytes, unwrap
from protocol.errors import OneFileError
from protocol.grant import nullifier_of
from protocol.hashing import ZERO32, same, sha256
from protocol.keys import Root
from protocol.recipients import X25519Identity
from protocol.revocations import verify_secret
from tests.attacks.timing import Case, Make, cliffs_delta, tells, tells_nothing

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol", "console", "chain", "vault_api", "client", "wallet_cli", "agency_cli")

# --- by reading -------------------------------------------------------------------------------------

# A name that ends so is of something secret, or of a value that only who knows a secret can make.
SECRET = re.compile(r"(?:^|_)(?:mac|secret|token|cookie|passphrase|password|nonce|commitment|match|root_key|tag_key)$")

# Compared all the same with == or !=, and why that tells nobody anything.
OPEN = {
    ("chain/memory_rules.py", "nonce"): "a counter that everybody reads on chain",
    ("chain/memory_guardian_rules.py", "nonce"): "a counter that everybody reads on chain",
    ("protocol/pointers.py", "token"): "a step of a JSON pointer",
    ("vault_api/chain_events.py", "secret"): "a column of a query; the secret is on chain",
    ("vault_api/journal.py", "nonce"): "a column of a query; a counter that everybody reads on chain",
    ("vault_api/writes.py", "nonce"): "a column of a query; the caller drew it",
    ("wallet_cli/services/guarding.py", "nonce"): "a counter that everybody reads on chain",
    ("wallet_cli/services/recovering.py", "nonce"): "a counter that everybody reads on chain",
}


def compared(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of whatever is compared by == or != under a secret's name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            for side in (node.left, *node.comparators):
                name = _name(side)
                if name is not None and SECRET.search(name) and not _plain(node):
                    yield node.lineno, name


def _name(side: ast.expr) -> str | None:
    if isinstance(side, ast.Attribute):
        return side.attr
    return side.id if isinstance(side, ast.Name) else None


def _plain(node: ast.Compare) -> bool:
    """Compared with something that stands in the source: a word, a number."""
    return any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))


def test_no_secret_is_compared_by_an_operator_that_stops_early() -> None:
    found = {
        (str(path.relative_to(ROOT)), name): line
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in compared(path)
    }
    assert {key: line for key, line in found.items() if key not in OPEN} == {}
    assert set(OPEN) <= set(found)


def test_the_reader_sees_what_it_is_to_see(tmp_path: Path) -> None:
    source = tmp_path / "x.py"
    source.write_text("a = x.mac == y\nb = secret != other\nc = token == 'word'\nd = same(mac, other)\ne = n == m\n")
    assert list(compared(source)) == [(1, "mac"), (2, "secret")]


# Where secrets are compared, and by which function: each must go through ``same``.
COMPARISONS = [
    ("protocol/envelope.py", "_file_key", "the MAC of an age header"),
    ("protocol/secret.py", "__eq__", "any value that masks itself"),
    ("protocol/history.py", "_next", "the back link of an entry"),
    ("protocol/history.py", "_check_tag", "the tag of an entry"),
    ("protocol/entries.py", "verify_access", "the tag of a use"),
    ("protocol/entries.py", "verify_opening", "the object of an entry"),
    ("protocol/entries.py", "verify_opened", "the commitment of an entry"),
    ("protocol/sdjwt.py", "verify_key_binding", "the nonce of a presentation"),
    ("protocol/revocations.py", "verify_secret", "the secret that ends a grant"),
    ("protocol/verify_credential.py", "_check_deposit", "the commitment of an item"),
    ("vault_api/http_auth.py", "check_body", "the digest of a signed body"),
    ("client/localsite.py", "enter", "the token of a start link"),
    ("client/localsite.py", "knows", "the cookie of a page"),
    ("agency_cli/window/counter.py", "_open", "the match number of a window"),
    ("wallet_cli/services/logged.py", "stands", "the tag of what was just logged"),
]


def functions_that_compare(path: Path) -> set[str]:
    """The functions of a module that call ``same`` or ``compare_digest``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            calls = {_name(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
            if calls & {"same", "compare_digest"}:
                found.add(node.name)
    return found


@pytest.mark.parametrize(("path", "name"), [row[:2] for row in COMPARISONS], ids=[row[2] for row in COMPARISONS])
def test_this_secret_is_compared_in_constant_time(path: str, name: str) -> None:
    assert name in functions_that_compare(ROOT / path)


# --- by measuring -----------------------------------------------------------------------------------

LONG = 1 << 17  # of a secret in which the control's early end can be measured at all


def wrong_at(secret: bytes, place: int) -> bytes:
    return secret[:place] + bytes([secret[place] ^ 1]) + secret[place + 1 :]


def guesses(secret: bytes) -> tuple[bytes, bytes]:
    """Wrong in the first byte, and wrong in the last."""
    return wrong_at(secret, 0), wrong_at(secret, len(secret) - 1)


def misspelt(text: str) -> tuple[str, str]:
    """The same of a text in base64url."""
    return ("A" if text[0] != "A" else "B") + text[1:], text[:-1] + ("A" if text[-1] != "A" else "B")


def refused(check: Callable[[Any], object]) -> Callable[[Any], object]:
    """A check that is going to fail."""

    def guess(value: Any) -> object:
        try:
            return check(value)
        except OneFileError:
            return None

    return guess


def compared_by(function: Callable[[bytes, bytes], bool], size: int) -> Make:
    def make() -> Case:
        secret = secrets.token_bytes(size)
        return (lambda guess: function(secret, guess), *guesses(secret))

    return make


def test_the_method_sees_a_comparison_that_stops_early() -> None:
    assert tells(compared_by(lambda secret, guess: secret == guess, LONG))


def test_the_method_sees_one_that_stops_early_in_a_short_secret() -> None:
    assert tells(
        compared_by(lambda secret, guess: all(a == b for a, b in zip(secret, guess, strict=True)), 32)
    )


def test_the_method_sees_no_difference_where_there_is_none() -> None:
    assert tells_nothing(lambda: (lambda _guess: sha256(b"one"), b"", b""))
    assert cliffs_delta([1, 2, 3], [1, 2, 3]) == 0
    assert cliffs_delta([4, 5], [1, 2, 3]) == 1


def a_masked_value() -> Case:
    value = secrets.token_bytes(32)
    held, (first, last) = Root(value), map(Root, guesses(value))
    return lambda guess: held == guess, first, last


IDENTITY = X25519Identity(bytes(31) + b"\x01")
SEALED = [seal_bytes(b"x", [IDENTITY.recipient()]).header for _ in range(16)]


def an_age_mac() -> Case:
    """The MAC is the last line of a header: 32 bytes in base64, of which a thief guesses the first or nearly the last."""
    header = secrets.choice(SEALED)
    place = header.rindex(b"--- ") + 4
    mac = header[place:-1]
    first, last = ((b"B" if mac[i : i + 1] == b"A" else b"A") for i in (0, len(mac) - 2))
    return (
        refused(lambda guess: unwrap(guess, [IDENTITY])),
        header[:place] + first + mac[1:] + b"\n",
        header[:place] + mac[:-2] + last + mac[-1:] + b"\n",
    )


def the_end_of_a_grant() -> Case:
    secret = secrets.token_bytes(32)
    nullifier = nullifier_of(secret)
    return (refused(lambda guess: verify_secret(guess, nullifier)), *guesses(secret))


def the_tag_of_a_use() -> Case:
    """A log that guesses the tag of a use, before a reader that has the tag key."""
    grant, key = bytes([2]) * 32, secrets.token_bytes(32)
    record = AccessRecord(bytes(32), grant, None, 1, (), 0).serialise()
    entry = dossier_entry("access", tag_key=key, n=1, prev_entry_hash=ZERO32, salt=ZERO32, object_bytes=record)
    opening, reader = Opening(1, ZERO32, sha256(record), "access", 7), grant_tag_key(key, grant)
    first, last = (replace(entry, tag=tag) for tag in guesses(entry.tag))
    return refused(lambda guess: verify_access(guess, opening, record, reader)), first, last


def the_token_of_a_start_link() -> Case:
    entrance = Entrance(1)
    return (entrance.enter, *misspelt(entrance.token))


def the_cookie_of_a_page() -> Case:
    entrance = Entrance(1)
    cookie = (entrance.enter(entrance.token) or "").partition(";")[0]
    name, _equals, value = cookie.partition("=")
    first, last = (f"{name}={guess}" for guess in misspelt(value))
    return entrance.knows, first, last


MEASURED: dict[str, Make] = {
    "the one function": compared_by(same, 32),
    "the one function, of a long secret": compared_by(same, LONG),
    "a value that masks itself": a_masked_value,
    "the MAC of an age header": an_age_mac,
    "the secret that ends a grant": the_end_of_a_grant,
    "the tag of a use": the_tag_of_a_use,
    "the token of a start link": the_token_of_a_start_link,
    "the cookie of a page": the_cookie_of_a_page,
}


@pytest.mark.parametrize("make", MEASURED.values(), ids=MEASURED)
def test_how_nearly_a_guess_is_right_takes_no_measurable_time(make: Make) -> None:
    assert tells_nothing(make)


def test_a_guess_of_another_length_is_refused_like_any_other() -> None:
    assert not same(b"x" * 32, b"x" * 31)
    assert not same(b"", b"x")
    assert same(b"", b"")
