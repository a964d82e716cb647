"""The key store, its profile, and where a passphrase comes from."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from pathlib import Path

import click
import pytest

from client import files, passphrase
from client.keystore import Keys, read_keys, replace_keys, write_keys
from client.passphrase import PassphraseSource
from client.profile import Party, Profile
from client.settings import read_settings
from protocol import canonical
from protocol.encoding import b64u
from protocol.envelope import seal_bytes
from protocol.errors import Conflict, Denied, Malformed
from protocol.keys import AccountKey, Root, derive_present, derive_sealing, derive_tag_key
from protocol.recipients import Passphrase, ScryptRecipient

WORK = 10  # the least work: these tests prove no strength
KEYS = Keys.first("person", Root(b"r" * 32), AccountKey(b"h" * 32))
PASS = Passphrase("correct horse")

PARTY = Party(
    kind="person",
    subject=b"d" * 32,
    owner=b"o" * 20,
    controller=b"c" * 20,
    salt=b"s" * 32,
    index=0,
    language="zh",
    chain_id=31337,
    registry=b"g" * 20,
    vault_url="http://127.0.0.1:8440",
)


def test_what_was_written_opens_with_the_passphrase_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "keys.age"
    write_keys(path, KEYS, PASS, WORK)
    opened = read_keys(path, PASS)
    assert (opened.kind, opened.root, opened.hot) == ("person", KEYS.root, KEYS.hot)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_no_secret_stands_in_the_file_or_in_a_print(tmp_path: Path) -> None:
    write_keys(tmp_path / "k", KEYS, PASS, WORK)
    raw = (tmp_path / "k").read_bytes()
    assert raw.startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert b"r" * 32 not in raw
    assert "cnJy" not in repr(KEYS)
    assert "rrrr" not in repr(KEYS)


def test_another_passphrase_does_not_open_it(tmp_path: Path) -> None:
    write_keys(tmp_path / "k", KEYS, PASS, WORK)
    with pytest.raises(Denied) as caught:
        read_keys(tmp_path / "k", Passphrase("wrong horse"))
    assert caught.value.code == "wrong_passphrase"


def test_a_key_store_is_never_replaced_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "k"
    write_keys(path, KEYS, PASS, WORK)
    before = path.read_bytes()
    with pytest.raises(Conflict) as caught:
        write_keys(path, KEYS, PASS, WORK)
    assert caught.value.code == "file_exists"
    assert path.read_bytes() == before
    write_keys(path, KEYS, PASS, WORK, new=False)
    assert path.read_bytes() != before


def test_a_key_store_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k"
    write_keys(path, KEYS, PASS, WORK)
    path.chmod(0o640)
    with pytest.raises(Denied) as caught:
        read_keys(path, PASS)
    assert caught.value.code == "file_mode"


def test_a_key_store_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_keys(tmp_path / "k", KEYS, PASS, WORK)
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    with pytest.raises(Denied) as caught:
        read_keys(tmp_path / "k", PASS)
    assert caught.value.code == "file_owner"


def test_a_missing_key_store_is_a_missing_profile(tmp_path: Path) -> None:
    with pytest.raises(Denied) as caught:
        read_keys(tmp_path / "k", PASS)
    assert caught.value.code == "profile_not_found"


@pytest.mark.parametrize(
    "plaintext",
    [
        b"{}",
        b"not json",
        canonical.dumps({"v": 3, "kind": "person", "root": "A" * 43, "hot": "A" * 43}),
        canonical.dumps({"v": 2, "kind": "person", "root": "A" * 43, "hot": "A" * 42 + "E"}),
        canonical.dumps({**canonical.loads_object(KEYS.unsafe_plaintext(), limit=4096, what="keys"), "roots": []}),
        canonical.dumps({"v": 1, "kind": "robot", "root": "A" * 43, "hot": "A" * 42 + "E"}),
        canonical.dumps({"v": 1, "kind": "person", "root": "A" * 42, "hot": "A" * 43}),
        canonical.dumps({"v": 1, "kind": "person", "root": "A" * 43, "hot": "A" * 43}),
    ],
)
def test_a_key_store_with_other_contents_is_malformed(tmp_path: Path, plaintext: bytes) -> None:
    files.write_private(tmp_path / "k", seal_bytes(plaintext, [ScryptRecipient(PASS, WORK)]).file)
    with pytest.raises(Malformed):
        read_keys(tmp_path / "k", PASS)


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_takes_a_free_place_only_with_links_or_without(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_self: Path, _other: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", none)
    files.write_private(tmp_path / "k", b"first", new=True)
    with pytest.raises(Conflict) as caught:
        files.write_private(tmp_path / "k", b"second", new=True)
    assert caught.value.code == "file_exists"
    assert (tmp_path / "k").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_keys_are_derived_once_and_the_newest_identity_comes_first() -> None:
    assert KEYS.present(1) is KEYS.present(1)
    assert KEYS.present(1).thumbprint() != KEYS.present(2).thumbprint()
    assert KEYS.identities(2) == [KEYS.sealing(2), KEYS.sealing(1)]
    assert KEYS.tag_key.unsafe_bytes != KEYS.revoke_key.unsafe_bytes


def test_the_root_of_a_card_is_the_newest_one_that_begins_not_after_it() -> None:
    later = KEYS.with_root(3, Root(b"s" * 32)).with_root(5, Root(b"t" * 32))
    assert [later.present(seq).thumbprint() for seq in (1, 2)] == [KEYS.present(seq).thumbprint() for seq in (1, 2)]
    assert later.sealing(3) == derive_sealing(Root(b"s" * 32), 3)
    assert later.present(4).thumbprint() == derive_present(Root(b"s" * 32), 4).thumbprint()
    assert later.present(9).thumbprint() == derive_present(Root(b"t" * 32), 9).thumbprint()
    assert later.root == Root(b"t" * 32)
    assert (later.tag_key, later.revoke_key) == (KEYS.tag_key, KEYS.revoke_key)
    assert KEYS.root == Root(b"r" * 32)
    with pytest.raises(Malformed):
        later.with_root(5, Root(b"u" * 32))


def test_keys_before_the_oldest_root_are_said_to_be_gone() -> None:
    later = KEYS.with_root(3, Root(b"s" * 32))
    cut = later.with_roots(later.roots[1:])
    assert (later.oldest, cut.oldest) == (1, 3)
    assert cut.identities(4) == [later.sealing(4), later.sealing(3)]
    assert cut.tag_key == KEYS.tag_key
    with pytest.raises(Malformed) as caught:
        cut.present(2)
    assert caught.value.code == "ring_card"


def test_several_roots_and_the_member_secret_are_kept(tmp_path: Path) -> None:
    more = KEYS.with_root(3, Root(b"s" * 32)).with_member(Root(b"m" * 32)).with_hot(AccountKey(b"k" * 32))
    write_keys(tmp_path / "k", more, PASS, WORK)
    assert read_keys(tmp_path / "k", PASS) == more
    ring = more.ring(b"d" * 32)
    assert (ring.roots, ring.tag_key, ring.revoke_key) == (more.roots, KEYS.tag_key, KEYS.revoke_key)


def test_a_key_store_of_version_1_still_opens_with_the_same_keys(tmp_path: Path) -> None:
    old = canonical.dumps({"v": 1, "kind": "person", "root": b64u(b"r" * 32), "hot": b64u(b"h" * 32)})
    files.write_private(tmp_path / "k", seal_bytes(old, [ScryptRecipient(PASS, WORK)]).file)
    opened = read_keys(tmp_path / "k", PASS)
    assert opened == KEYS
    assert opened.tag_key == derive_tag_key(Root(b"r" * 32))


def test_changed_keys_take_the_place_of_the_old_ones_under_the_same_passphrase_only(tmp_path: Path) -> None:
    path = tmp_path / "k"
    write_keys(path, KEYS, PASS, WORK)
    later = KEYS.with_root(3, Root(b"s" * 32))
    with pytest.raises(Denied) as caught:
        replace_keys(path, later, Passphrase("corect horse"), WORK)
    assert caught.value.code == "wrong_passphrase"
    assert read_keys(path, PASS) == KEYS
    replace_keys(path, later, PASS, WORK)
    assert read_keys(path, PASS) == later


def test_a_write_that_fails_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "f"
    files.write_private(path, b"old")

    def broken() -> None:
        with files.replacing(path) as stream:
            stream.write(b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert files.read_bounded(tmp_path / "f", limit=5) == b"12345"
    with pytest.raises(Malformed) as caught:
        files.read_bounded(tmp_path / "f", limit=4)
    assert caught.value.code == "file_too_large"


def test_a_profile_has_its_own_folder_by_program_and_name(tmp_path: Path) -> None:
    alice = Profile.of("wallet", "alice", tmp_path)
    assert alice.folder == tmp_path / "wallets" / "alice"
    assert Profile.of("agency", None, tmp_path).folder == tmp_path / "agencies" / "default"
    assert not alice.exists()
    alice.make()
    alice.save(PARTY)
    assert alice.load() == PARTY
    write_keys(alice.key_file, KEYS, PASS, WORK)
    assert alice.exists()
    assert alice.trust_file.parent == alice.folder


def test_the_agents_socket_is_short_whatever_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = Profile.of("wallet", "a", tmp_path / ("x" * 120))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert len(str(deep.agent_socket)) < 100
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert str(deep.agent_socket).startswith("/run/user/7/onefile-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/" + "y" * 100)
    assert len(str(deep.agent_socket)) < 100
    assert deep.agent_socket != Profile.of("wallet", "b", tmp_path / ("x" * 120)).agent_socket


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "x" * 65, "a\n"])
def test_a_name_that_could_leave_the_home_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        Profile.of("wallet", name, tmp_path)


def test_an_absent_profile_is_named(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="no profile bob"):
        Profile.of("wallet", "bob", tmp_path).load()


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"kind": "robot"}, {"subject": "0x00"}, {"index": -1}, {"language": "fr"}, {"card_seq": 0}, {"more": 1}],
)
def test_a_garbled_party_file_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        Party.from_json({**PARTY.to_json(), **change})


def test_a_party_checks_its_lengths_and_makes_changed_copies() -> None:
    assert PARTY.with_changes(opened=True).opened
    with pytest.raises(Malformed):
        PARTY.with_changes(owner=b"short")


# --- passphrase -----------------------------------------------------------------------------------


def stretched(found: Passphrase) -> bytes:
    return found.stretch(b"s" * 16, 1)


def test_a_file_gives_the_passphrase_without_its_line_break(tmp_path: Path) -> None:
    for ending in (b"", b"\n", b"\r\n"):
        (tmp_path / "p").write_bytes(b"correct horse" + ending)
        assert stretched(PassphraseSource(tmp_path / "p").get()) == stretched(PASS)


def test_a_descriptor_gives_the_passphrase_and_stays_open() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"correct horse\nmore")
    os.close(writer)
    assert stretched(PassphraseSource(descriptor=reader).get()) == stretched(PASS)
    os.close(reader)


def test_a_closed_descriptor_is_no_passphrase() -> None:
    with pytest.raises(Denied) as caught:
        PassphraseSource(descriptor=999).get()
    assert caught.value.code == "no_passphrase"


@pytest.mark.parametrize("raw", [b"", b"\n", b"\xff\xfe", b"x" * 1026])
def test_what_is_no_passphrase_is_malformed(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "p").write_bytes(raw)
    with pytest.raises(Malformed):
        PassphraseSource(tmp_path / "p").get()


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
    with pytest.raises(Denied) as caught:
        PassphraseSource().get()
    assert caught.value.code == "no_passphrase"


def test_at_a_terminal_the_person_is_asked_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[bool] = []

    def ask(_text: str, *, hide_input: bool, confirmation_prompt: bool, err: bool) -> str:
        asked.append(hide_input and err and confirmation_prompt)
        return "correct horse"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(passphrase.click, "prompt", ask)
    assert stretched(PassphraseSource().get(new=True)) == stretched(PASS)
    assert asked == [True]


def test_two_sources_at_once_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError):
        passphrase.source(tmp_path, 3)
    assert passphrase.source(None, None, tmp_path).file == tmp_path
    assert passphrase.source(None, 0, tmp_path) == PassphraseSource(None, 0)


# --- settings -------------------------------------------------------------------------------------


def test_settings_have_defaults_that_work_on_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = read_settings({})
    assert found.home == tmp_path / ".onefile"
    assert found.deployment == tmp_path / ".onefile" / "deployment.json"
    assert (found.vault_url, found.rpc_urls, found.rpc_quorum) == ("", ("http://127.0.0.1:8545",), 1)
    assert (found.scrypt_log_n, found.timeout_s, found.passphrase_file) == (16, 30, None)


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    found = read_settings(
        {
            "ONEFILE_HOME": str(tmp_path),
            "ONEFILE_VAULT_URL": "https://vault.example/",
            "ONEFILE_RPC_URL": "http://a, https://b/",
            "ONEFILE_RPC_QUORUM": "2",
            "ONEFILE_SCRYPT_LOG_N": "18",
            "ONEFILE_PASSPHRASE_FILE": "/p",
            "ONEFILE_DEPLOYMENT_FILE": "/d.json",
        }
    )
    assert found.vault_url == "https://vault.example"
    assert found.rpc_urls == ("http://a", "https://b")
    assert (found.rpc_quorum, found.scrypt_log_n) == (2, 18)
    assert (found.passphrase_file, found.deployment) == (Path("/p"), Path("/d.json"))


@pytest.mark.parametrize(
    "environ",
    [
        {"ONEFILE_VAULT_URL": "vault.example"},
        {"ONEFILE_RPC_URL": "ws://x"},
        {"ONEFILE_SCRYPT_LOG_N": "30"},
        {"ONEFILE_SCRYPT_LOG_N": "sixteen"},
        {"ONEFILE_RPC_QUORUM": "-1"},
        {"ONEFILE_RPC_QUORUM": "2"},
    ],
)
def test_a_setting_that_makes_no_sense_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(Malformed, match=next(iter(environ))):
        read_settings(environ)
