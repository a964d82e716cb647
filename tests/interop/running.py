"""A vault that runs: its own process, real HTTP on 127.0.0.1, a real chain; and one holder who fills its log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chain.ethereum import connect
from client.passphrase import PassphraseSource
from client.profile import Profile
from client.session import Session
from client.settings import read_settings
from protocol import wire
from protocol.entries import origin_hash
from protocol.keys import Mnemonic
from protocol.recipients import Passphrase
from scripts.processes import Children, free_port
from scripts.stack import Stack
from tests.chain_fixture import LocalChain
from vault_api.log_key import read_secret
from wallet_cli.services import enrolment, tokens

PHRASE = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
WRITERS = 8


@dataclass
class Running:
    """The vault's address, the key that the contract keeps for its log, the seed behind it, and the holder."""

    url: str
    vkey: str
    log_key: bytes
    alice: Session

    def size(self) -> int:
        """Entries of the log."""
        return int(self.alice.public_api.checkpoint().split(b"\n")[1])

    def grow(self, size: int) -> bytes:
        """Append statements of the holder until the log has ``size`` entries; the checkpoint over them."""
        with ThreadPoolExecutor(WRITERS) as pool:
            for done in [pool.submit(self._state, number) for number in range(self.size(), size)]:
                done.result()
        assert self.size() == size
        return self.alice.public_api.checkpoint()

    def _state(self, number: int) -> None:
        self.alice.api.state(wire.Statement(statement=tokens.statement(self.alice, "notice", text=f"word {number}")))


@contextmanager
def running_vault(folder: Path, chain: LocalChain) -> Iterator[Running]:
    """Contracts on ``chain``, and a vault process on them; ended with the context."""
    deployment, path = chain.deployed()
    env = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
    with Children(folder / "logs") as children:
        stack = Stack.at(folder / "home", chain.devnet.port, free_port(), children, env)
        stack.env |= {"ONEFILE_CHAIN_POLL_S": "0.1", "ONEFILE_SCRYPT_LOG_N": "14"}
        stack.home.mkdir(mode=0o700)
        (stack.home / "deployment.json").write_bytes(path.read_bytes())
        stack.start_vault()
        alice = enrolled(stack, folder)
        ledger = connect(deployment, chain.url)
        state = ledger.log_state(origin_hash(alice.log.origin))
        ledger.close()
        assert state is not None
        seed = read_secret(stack.home / "vault" / "log.key")
        assert seed is not None
        yield Running(stack.origin, state.vkey, seed, alice)
        alice.close()


def enrolled(stack: Stack, folder: Path) -> Session:
    """A holder of the vault; the wallet's own code, in this process."""
    secret = folder / "passphrase"
    secret.write_text("pass")
    session = Session(
        Profile.of("wallet", "alice", stack.home), read_settings(stack.env), passphrase=PassphraseSource(secret)
    )
    order = enrolment.Order(kind="person", index=0, vault_url=stack.origin)
    enrolment.enrol(session, Mnemonic(PHRASE, "en"), Passphrase("pass"), order)
    return session
