"""Restoring from the recovery phrase, and from a key ring besides."""

from __future__ import annotations

import sys
from collections.abc import Callable

import httpx2
import pytest

from protocol.encoding import hex0x
from tests.unit.wallet_cli.conftest import Outcome
from tests.unit.wallet_cli.phrases import Terminal, phrase_file
from tests.wallet_stage import PHRASES, Stage
from wallet_cli.services import registration

Wallet = Callable[..., Outcome]


def test_restore_finds_the_open_dossier_from_the_phrase_alone(wallet: Wallet, stage: Stage) -> None:
    alice = stage.holder("alice")
    registration.renew_card(alice, revoke_older=False)
    stage.tick()
    back = wallet(
        "restore", "--profile", "second", "--phrase-language", "en", "--phrase-file", phrase_file(stage), "--json"
    )
    assert back.code == 0
    assert (back.json["state"], back.json["card_seq"]) == ("restored", 2)
    assert back.json["dossier"] == hex0x(alice.party.subject)
    assert wallet("sync", "--profile", "second", "--json").json["events"] == 2


def test_a_restore_that_breaks_off_leaves_nothing_and_is_begun_again(wallet: Wallet, stage: Stage) -> None:
    stage.holder("alice")
    order = ("restore", "--profile", "second", "--phrase-language", "en", "--phrase-file", phrase_file(stage), "--json")
    down = httpx2.MockTransport(lambda _request: httpx2.Response(503))
    assert wallet(*order, transport=down).code == 7
    assert wallet(*order).json["state"] == "restored"


def test_restore_of_a_dossier_that_was_never_opened_opens_it(wallet: Wallet, stage: Stage) -> None:
    back = wallet("restore", "--phrase-language", "en", "--phrase-file", phrase_file(stage), "--json")
    assert (back.code, back.json["state"]) == (0, "opened")


def test_restore_asks_for_the_phrase_at_a_terminal_only(
    wallet: Wallet, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wallet("restore", "--phrase-language", "en").code == 2
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("click.prompt", lambda *_a, **_k: PHRASES["alice"])
    assert wallet("restore", "--phrase-language", "en", "--json").json["state"] == "opened"
    assert stage.session("alice").party.opened


@pytest.mark.parametrize(
    ("raw", "code"), [(b"\xff\xfe", "phrase_file"), (b"abandon about", "phrase_words"), (b"zoo " * 12, "phrase")]
)
def test_a_wrong_phrase_makes_nothing(wallet: Wallet, stage: Stage, raw: bytes, code: str) -> None:
    path = stage.folder / "wrong"
    path.write_bytes(raw)
    done = wallet("restore", "--phrase-language", "en", "--phrase-file", str(path), "--json")
    assert (done.code, done.problem) == (3, code)
    assert not (stage.home / "wallets/alice/keys.age").exists()


def test_an_enterprise_comes_back_with_phrase_and_key_ring(wallet: Wallet, stage: Stage) -> None:
    phrase = stage.folder / "phrase"
    made = wallet("init", "--kind", "enterprise", "--phrase-file", str(phrase), "--phrase-language", "en")
    assert made.code == 0
    assert "keyring.age" in made.err
    ring = stage.home / "wallets/alice/keyring.age"
    args = (
        "restore",
        "--profile",
        "two",
        "--kind",
        "enterprise",
        "--phrase-language",
        "en",
        "--phrase-file",
        str(phrase),
    )
    assert wallet(*args, "--json").problem == "ring_file_needed"
    assert not stage.session("two").profile.exists()
    back = wallet(*args, "--keyring", str(ring), "--json")
    assert (back.code, back.json["state"]) == (0, "restored")
    assert stage.session("two").keys.root == stage.session("alice").keys.root


def test_a_key_ring_of_another_dossier_or_for_a_person_is_refused(wallet: Wallet, stage: Stage) -> None:
    wallet("init", "--kind", "enterprise", "--phrase-file", str(stage.folder / "p"), "--phrase-language", "en")
    ring = str(stage.home / "wallets/alice/keyring.age")
    foreign = (
        "restore",
        "--profile",
        "two",
        "--phrase-language",
        "en",
        "--phrase-file",
        phrase_file(stage),
        "--keyring",
        ring,
    )
    assert wallet(*foreign, "--kind", "enterprise", "--json").problem == "no_identity"
    assert wallet(*foreign, "--kind", "person", "--json").problem == "ring_kind"
    other = ("restore", "--profile", "two", "--phrase-language", "en", "--phrase-file", str(stage.folder / "p"))
    assert wallet(*other, "--keyring", ring, "--kind", "enterprise", "--index", "1", "--json").code == 4


@pytest.mark.parametrize("owned_by", [None, "bob"])
def test_a_ring_that_opens_and_names_a_dossier_of_somebody_else_is_refused(
    wallet: Wallet, stage: Stage, owned_by: str | None
) -> None:
    from protocol.keyring import KeyRing, RingRoot, member_identity, seal_ring
    from protocol.keys import Root, derive_revoke_key, derive_tag_key, member_root

    dossier = stage.holder(owned_by).party.subject if owned_by else b"o" * 32
    root = Root(b"r" * 32)
    ring = KeyRing(dossier, (RingRoot(1, root),), derive_tag_key(root), derive_revoke_key(root))
    file = stage.folder / "ring.age"
    file.write_bytes(seal_ring(ring, [member_identity(member_root(PHRASES["alice"], "en", 0)).recipient()]))
    args = ("restore", "--profile", "two", "--phrase-language", "en", "--phrase-file", phrase_file(stage))
    done = wallet(*args, "--kind", "enterprise", "--keyring", str(file), "--json")
    assert (done.code, done.problem) == (4, "ring_dossier_other")
    assert not stage.session("two").profile.exists()
