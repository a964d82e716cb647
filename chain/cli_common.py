"""What the commands of `chain` share: settings, the sender's key, the ledger, and how things are written out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from chain.deployment import Deployment
from chain.files import read_deployment
from chain.settings import ChainSettings, read_settings
from chain.signer import MAX_KEY_FILE, TxSigner
from console import frame
from console.i18n import N_, _
from protocol.encoding import hex0x
from protocol.entries import origin_hash
from protocol.errors import Denied, Malformed, Untrusted
from protocol.identifiers import parse_address
from protocol.note import Vkey

if TYPE_CHECKING:
    from chain.ethereum import EthereumLedger, EthereumReads
    from chain.ledger import LedgerReads, LogState

Command = TypeVar("Command", bound=Callable[..., Any])
Value = TypeVar("Value")
MAX_PASSPHRASE = 4096


def settings() -> ChainSettings:
    """The settings of this process."""
    return read_settings(os.environ)


def rpc_option(command: Command) -> Command:
    """`--rpc URL`."""
    return click.option("--rpc", metavar="URL", help=N_("The chain's JSON-RPC endpoint [ONEFILE_RPC_URL]."))(command)


def deployment_option(command: Command) -> Command:
    """`--deployment FILE`."""
    return click.option(
        "--deployment",
        "record",
        type=click.Path(path_type=Path),
        help=N_("The deployment record [ONEFILE_DEPLOYMENT_FILE]."),
    )(command)


def key_options(command: Command) -> Command:
    """How the sending account's key is given: by file or descriptor, never as an argument."""
    for option in (
        click.option(
            "--passphrase-file", type=click.Path(path_type=Path), help=N_("File with a keystore's passphrase.")
        ),
        click.option("--key-fd", type=int, help=N_("Read the key from this file descriptor.")),
        click.option(
            "--key",
            "key_file",
            type=click.Path(path_type=Path),
            help=N_("Secret key file or keystore of the sending account [ONEFILE_GOVERNOR_KEY_FILE]."),
        ),
    ):
        command = option(command)
    return command


def dry_run_option(command: Command) -> Command:
    """`--dry-run`."""
    return click.option("--dry-run", is_flag=True, help=N_("Say what would be done, and do nothing."))(command)


def load_signer(key_file: Path | None, key_fd: int | None, passphrase_file: Path | None) -> TxSigner:
    """The signer that the options name; by default the profile's (the governor's) key file."""
    passphrase = _passphrase(passphrase_file)
    if key_fd is not None:
        with os.fdopen(os.dup(key_fd), "rb") as file:
            return TxSigner.from_bytes(file.read(MAX_KEY_FILE + 1), passphrase=passphrase)
    path = key_file or settings().key(frame.current().profile)
    try:
        return TxSigner.from_file(path, passphrase=passphrase)
    except Denied as fault:
        if fault.code != "passphrase_needed":
            raise
    return TxSigner.from_file(path, passphrase=_prompt(path))


def _passphrase(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(MAX_PASSPHRASE).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Malformed("passphrase", "the passphrase file {path} is not UTF-8 text", path=str(path)) from None


def _prompt(path: Path) -> str:
    answer: str = click.prompt(
        _("Passphrase of {path}").format(path=path), hide_input=True, err=True, default="", show_default=False
    )
    return answer


def recorded(record: Path | None) -> Deployment:
    """The deployment that the options name."""
    return read_deployment(record or settings().deployment)


def open_reads(record: Path | None, rpc: str | None) -> EthereumReads:
    """A ledger to read."""
    from chain.ethereum import connect

    return connect(recorded(record), rpc or settings().rpc_url)


def open_ledger(record: Path | None, rpc: str | None, signer: TxSigner) -> EthereumLedger:
    """A ledger to write. Its first transaction imports web3."""
    from chain.ethereum import connect

    return connect(recorded(record), rpc or settings().rpc_url, signer)


class _Parsed(click.ParamType[Value]):
    """A value that `parse` reads; what it refuses is a usage error."""

    def __init__(self, name: str, parse: Callable[[str], Value]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        if not isinstance(value, str):
            return cast("Value", value)  # click hands over a second time what was read already
        try:
            return self._parse(value)
        except Malformed as fault:
            self.fail(str(fault), param, ctx)


class Account(_Parsed[bytes]):
    """An account: 0x and 40 hex digits, all lower case or with a right EIP-55 checksum."""

    def __init__(self) -> None:
        super().__init__("account", parse_address)


class VerifierKey(_Parsed[Vkey]):
    """A log's verifier key: its origin, the key's hash and the key (C2SP signed note)."""

    def __init__(self) -> None:
        super().__init__("vkey", Vkey.parse)


def log_on_chain(ledger: LedgerReads, origin: str) -> LogState:
    """The log of that origin; ``Untrusted("log_other_chain")`` if the chain has none."""
    state = ledger.log_state(origin_hash(origin))
    if state is None:
        raise Untrusted("log_other_chain", "the chain does not have the log that the deployment record names")
    return state


def account_text(account: bytes) -> str:
    """An account as everything here writes it."""
    return hex0x(account)
