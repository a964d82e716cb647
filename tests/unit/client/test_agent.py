"""The agent keeps opened keys for a while, for this user only, and forgets them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from client import agent, agent_main
from client.agent_main import Agent
from client.keystore import Keys, read_keys, write_keys
from client.passphrase import PassphraseSource
from client.profile import Profile
from client.session import Session
from client.settings import read_settings
from protocol.errors import Denied, Malformed, Unavailable
from protocol.keys import AccountKey, Root
from protocol.recipients import Passphrase

KEYS = Keys.first("person", Root(b"r" * 32), AccountKey(b"h" * 32))


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Profile]:
    runtime = tempfile.mkdtemp(prefix="of-", dir="/tmp")  # short: a socket's path has about 100 bytes
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    found = Profile.of("wallet", "alice", tmp_path)
    found.make()
    yield found
    agent.lock(found)
    shutil.rmtree(runtime, ignore_errors=True)


def test_an_unlocked_profile_gives_its_keys_without_a_passphrase(profile: Profile) -> None:
    agent.start(profile, KEYS, 60)
    opened = agent.open_keys(profile, PassphraseSource())
    assert (opened.root, opened.hot) == (KEYS.root, KEYS.hot)
    left = agent.left_s(profile)
    assert left is not None
    assert 50 <= left <= 60
    assert stat.S_IMODE(profile.agent_socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(profile.agent_socket.parent.stat().st_mode) == 0o700


def test_a_locked_profile_is_opened_with_the_passphrase(profile: Profile, tmp_path: Path) -> None:
    write_keys(profile.key_file, KEYS, Passphrase("p"), 10)
    (tmp_path / "p").write_text("p")
    assert agent.fetch(profile) is None
    assert agent.left_s(profile) is None
    assert agent.open_keys(profile, PassphraseSource(tmp_path / "p")).root == KEYS.root


def test_lock_ends_the_agent_and_removes_its_socket(profile: Profile) -> None:
    agent.start(profile, KEYS, 60)
    assert agent.lock(profile)
    for _ in range(200):
        if not profile.agent_socket.exists():
            break
        time.sleep(0.02)
    assert not profile.agent_socket.exists()
    assert agent.fetch(profile) is None
    assert not agent.lock(profile)


def test_the_keys_are_gone_when_the_time_is_over(profile: Profile) -> None:
    agent.start(profile, KEYS, 1)
    time.sleep(1.3)
    assert agent.fetch(profile) is None


def test_a_second_unlock_replaces_the_first(profile: Profile) -> None:
    agent.start(profile, KEYS, 60)
    other = Keys.first("person", Root(b"x" * 32), AccountKey(b"h" * 32))
    agent.start(profile, other, 60)
    opened = agent.fetch(profile)
    assert opened is not None
    assert opened.root == other.root


def test_changed_keys_reach_the_key_store_and_an_agent_that_has_the_old_ones(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("p")
    settings = replace(read_settings({"ONEFILE_HOME": str(tmp_path)}), scrypt_log_n=10)
    session = Session(profile, settings, passphrase=PassphraseSource(tmp_path / "p"))
    write_keys(profile.key_file, KEYS, Passphrase("p"), 10)
    later, latest = (KEYS.with_root(seq, Root(b"x" * 32)) for seq in (2, 3))
    session.replace_keys(later)
    assert (session.keys, agent.fetch(profile), read_keys(profile.key_file, Passphrase("p"))) == (later, None, later)
    agent.start(profile, later, 60)
    session.replace_keys(latest)
    assert agent.fetch(profile) == latest
    left = agent.left_s(profile)
    assert left is not None
    assert left <= 60


@pytest.mark.parametrize("seconds", [0, -5, 8 * 24 * 3600])
def test_an_unlock_has_a_bounded_time(profile: Profile, seconds: int) -> None:
    with pytest.raises(Malformed):
        agent.start(profile, KEYS, seconds)


def test_a_folder_of_somebody_else_under_our_name_is_refused(profile: Profile) -> None:
    folder = profile.agent_socket.parent
    folder.mkdir(mode=0o755)
    with pytest.raises(Denied) as caught:
        agent.start(profile, KEYS, 5)
    assert caught.value.code == "agent_folder"
    profile.agent_socket.touch()
    with pytest.raises(Denied):
        agent.fetch(profile)
    folder.chmod(0o700)


def test_a_socket_that_nobody_answers_at_means_locked(profile: Profile) -> None:
    profile.agent_socket.parent.mkdir(mode=0o700)
    profile.agent_socket.touch()
    assert agent.fetch(profile) is None
    assert agent.left_s(profile) is None


def test_an_agent_that_does_not_start_is_named(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(Unavailable, match="did not start"):
        agent.start(profile, KEYS, 5)


@pytest.mark.parametrize("line", [b"", b"nothing", b"[1]", b'{"ok": false}', b"[" * 60_000])
def test_an_answer_that_is_none_means_locked(profile: Profile, line: bytes) -> None:
    profile.agent_socket.parent.mkdir(mode=0o700)
    listener = agent_main.listen(profile.agent_socket)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(line + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    assert agent.fetch(profile) is None
    thread.join()
    listener.close()


def test_an_agent_of_another_user_is_not_asked(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.start(profile, KEYS, 30)
    monkeypatch.setattr(agent, "peer_uid", lambda _connection: os.getuid() + 1)
    assert agent.fetch(profile) is None
    monkeypatch.undo()


# --- the process itself, in this process ----------------------------------------------------------


def test_requests_are_answered_and_everything_else_is_an_error() -> None:
    kept = Agent(b"secret", 100)
    assert kept.answer(b'{"op":"status"}') == {"ok": True, "left_s": 99}
    assert kept.answer(b'{"op":"open"}') == {"ok": True, "left_s": 99, "keys": "secret"}
    for line in (b"x", b"[]", b'{"op":"other"}', b"\xff", b"[" * 60_000, b'{"op":' * 10_000):
        assert kept.answer(line)["ok"] is False
    assert kept.answer(b'{"op":"lock"}') == {"ok": True}
    assert kept.left_s() == 0.0


def test_wiping_overwrites_the_keys() -> None:
    kept = Agent(b"secret", 100)
    kept.wipe()
    assert kept.answer(b'{"op":"open"}')["keys"] == "\x00" * 6


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.settimeout(0.2)
    with left, right:
        yield left, right


def test_a_line_is_read_without_its_end(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].sendall(b"hello\nrest")
    assert agent_main.read_line(pair[0]) == b"hello"


def test_patience_with_a_slow_line_ends(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].sendall(b"no end")
    assert agent_main.read_line(pair[0]) == b""


def test_a_closed_connection_is_no_line(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()
    assert agent_main.read_line(pair[0]) == b""


def test_a_line_over_the_limit_is_no_line(pair: tuple[socket.socket, socket.socket]) -> None:
    sender = threading.Thread(target=lambda: pair[1].sendall(b"x" * (agent_main.MAX_LINE + 10) + b"\n"))
    sender.start()
    assert agent_main.read_line(pair[0]) == b""
    sender.join()


def test_the_kernel_tells_who_is_there_or_nobody_does(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agent_main.peer_uid(pair[0]) == os.getuid()
    monkeypatch.delattr(socket, "SO_PEERCRED")
    assert agent_main.peer_uid(pair[0]) is None


def serve_once(path: Path, kept: Agent) -> threading.Thread:
    listener = agent_main.listen(path)

    def run() -> None:
        with listener:
            kept.serve(listener)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def ask(path: Path, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(path))
        with contextlib.suppress(BrokenPipeError):  # who is not answered may be cut off at once
            connection.sendall(line)
        return agent_main.read_line(connection)


def test_the_agent_serves_until_it_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "s"
    thread = serve_once(path, Agent(b"secret", 30))
    assert json.loads(ask(path, b'{"op":"open"}\n'))["keys"] == "secret"
    assert json.loads(ask(path, b'{"op":"lock"}\n'))["ok"] is True
    thread.join(5)
    assert not thread.is_alive()


def test_a_stranger_is_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_main, "peer_uid", lambda _connection: os.getuid() + 1)
    path = tmp_path / "s"
    thread = serve_once(path, Agent(b"secret", 0.6))
    assert ask(path, b'{"op":"open"}\n') == b""
    thread.join(5)
    assert not thread.is_alive()


def test_silence_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_main, "PATIENCE_S", 0.05)
    path = tmp_path / "s"
    thread = serve_once(path, Agent(b"secret", 0.8))
    assert ask(path, b"no line") == b""
    assert json.loads(ask(path, b'{"op":"status"}\n'))["ok"] is True
    thread.join(5)


def test_the_program_says_ready_and_ends_by_itself(tmp_path: Path) -> None:
    order = {"socket": str(tmp_path / "s"), "for_s": 0.5, "keys": "secret"}
    done = subprocess.run(
        [sys.executable, "-m", "client.agent_main"],
        input=json.dumps(order) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")
    assert not (tmp_path / "s").exists()


def test_the_main_function_serves_and_leaves_a_newer_socket_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import signal

    path = tmp_path / "s"
    monkeypatch.setattr(agent_main, "harden", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"socket": str(path), "for_s": 0.3, "keys": "k"}) + "\n"))
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    def serve(_self: Agent, _listener: socket.socket) -> None:
        path.unlink()
        path.touch()

    monkeypatch.setattr(Agent, "serve", serve)
    assert agent_main.main() == 0
    assert path.exists()


def test_hardening_forbids_core_dumps_in_a_process_of_its_own() -> None:
    code = (
        "import resource\nfrom client import agent_main\nagent_main.harden()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(0, 0)\n"
