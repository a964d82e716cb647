"""`chain devnet|compile|deploy|status|fund`: a local chain, and our contracts on any chain."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chain.cli_common import (
    Account,
    account_text,
    deployment_option,
    dry_run_option,
    key_options,
    load_signer,
    log_on_chain,
    open_reads,
    recorded,
    rpc_option,
    settings,
)
from chain.deployment import Deployment
from console import frame, output
from console.i18n import N_, _, moment
from protocol.encoding import hex0x
from protocol.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from chain.devnet import Devnet


@click.command(cls=frame.Command, help=N_("Run a local chain until it is interrupted. Its state survives a kill."))
@click.option("--state", type=click.Path(path_type=Path), help=N_("Folder of the chain's state."))
@click.option("--port", type=click.IntRange(1, 65535), help=N_("Port on 127.0.0.1 (default 8545)."))
@click.option(
    "--block-time",
    type=click.IntRange(0, 3600),
    default=0,
    help=N_("Seconds between blocks; 0 makes a block for each transaction."),
)
def devnet(state: Path | None, port: int | None, block_time: int) -> None:
    from chain.devnet import DEFAULT_PORT, TEND_INTERVAL_S, Devnet

    net = Devnet(state or settings().state, port=port or DEFAULT_PORT, block_time=block_time)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        net.start()
        facts = {
            "url": net.url,
            "chain_id": int(net.rpc("eth_chainId"), 16),
            "state": str(net.state),
            "governor": account_text(net.governor.account),
            "pid": net.pid,
        }
        output.emit(facts, lambda: _say_devnet(facts))
        while not stopped.wait(TEND_INTERVAL_S):
            _tend(net)
    finally:
        net.stop()
    output.say(_("The chain has stopped; its state is in {state}.").format(state=net.state))


@click.command("compile", cls=frame.Command, help=N_("Compile the contracts and write their artifacts."))
@click.option("--check", is_flag=True, help=N_("Write nothing; fail if the artifacts are not of these sources."))
def compile_command(check: bool) -> None:
    from chain.compile import compile_contracts, load_artifact, write_artifacts

    made = compile_contracts()
    stale = [name for name, artifact in made.items() if not _same(artifact, name, load_artifact)]
    if check and stale:
        raise Conflict("artifacts_stale", "the artifacts of {names} are not of these sources", names=", ".join(stale))
    if not check:
        write_artifacts(made)
    facts = {"contracts": list(made), "changed": stale}
    output.emit(facts, lambda: output.line(_("{count} contracts compiled.").format(count=len(made))))


@click.command(cls=frame.Command, help=N_("Deploy the contracts and record where; does nothing if they are there."))
@rpc_option
@deployment_option
@key_options
@dry_run_option
@click.option("--renew", is_flag=True, help=N_("Deploy anew and replace the record, whatever it names."))
def deploy(
    rpc: str | None,
    record: Path | None,
    key_file: Path | None,
    key_fd: int | None,
    passphrase_file: Path | None,
    dry_run: bool,
    renew: bool,
) -> None:
    from chain.deploy import deploy as deploy_contracts

    signer = load_signer(key_file, key_fd, passphrase_file)
    path = record or settings().deployment
    if dry_run:
        facts = {"deploy": renew or not path.exists(), "record": str(path), "governor": account_text(signer.account)}
        output.emit(facts, lambda: output.fields(facts.items()))
        return
    deployment, made = deploy_contracts(rpc or settings().rpc_url, signer, path, renew=renew)
    output.emit(_deployment_facts(deployment, path, made=made), lambda: _say_deployment(deployment, path, made=made))


@click.command(cls=frame.Command, help=N_("Show the chain, the contracts, the log and its anchored head."))
@rpc_option
@deployment_option
def status(rpc: str | None, record: Path | None) -> None:
    deployment = recorded(record)
    ledger = open_reads(record, rpc)
    try:
        head = ledger.head()
        facts: dict[str, Any] = {
            "rpc": rpc or settings().rpc_url,
            "chain_id": deployment.chain_id,
            "block": head.number,
            "block_time": head.time,
            "contracts": deployment.contracts.to_json(),
            "agencies": len(ledger.agencies()),
        }
        if deployment.log is not None:
            log = log_on_chain(ledger, deployment.log.origin)
            facts["log"] = {
                "origin": deployment.log.origin,
                "vkey": log.vkey,
                "size": log.size,
                "root": hex0x(log.root),
                "frozen": log.frozen,
            }
    finally:
        ledger.close()
    output.emit(facts, lambda: _say_status(facts))


@click.command(cls=frame.Command, help=N_("Give an account ether. Only a local chain can do this."))
@click.argument("account", type=Account())
@click.option("--ether", type=click.IntRange(1, 1_000_000), default=10, help=N_("The account's new balance."))
@rpc_option
def fund(account: bytes, ether: int, rpc: str | None) -> None:
    from chain.devnet import fund as fund_account

    fund_account(rpc or settings().rpc_url, account, ether)
    facts = {"account": account_text(account), "ether": ether}
    output.emit(facts, lambda: output.line(_("{account} has {ether} ether.").format(**facts)))


@click.command(cls=frame.Command, help=N_("Draw the key of a new account into a new file, which nobody else may read."))
@click.argument("file", type=click.Path(path_type=Path))
def key(file: Path) -> None:
    from chain.signer import TxSigner

    try:
        made = TxSigner.create(file)
    except FileExistsError:
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(file)) from None
    facts = {"account": account_text(made.account), "file": str(file)}
    output.emit(facts, lambda: output.line(facts["account"]))


def _tend(net: Devnet) -> None:
    try:
        net.tend()
    except Unavailable:
        if net.pid is None:
            raise
        # It lives, and has too much to do to answer: the next look will save what there is.


def _same(artifact: Any, name: str, load: Any) -> bool:
    try:
        return bool(load(name) == artifact)
    except (OSError, ValueError, KeyError):
        return False


def _say_devnet(facts: dict[str, Any]) -> None:
    output.line(_("A local chain (id {chain_id}) listens at {url}. Ctrl-C stops it.").format(**facts))
    output.line(_("Governor: {governor}").format(**facts))


def _deployment_facts(deployment: Deployment, path: Path, *, made: bool) -> dict[str, Any]:
    return {
        "made": made,
        "record": str(path),
        "chain_id": deployment.chain_id,
        "contracts": deployment.contracts.to_json(),
        "deploy_block": deployment.deploy_block,
    }


def _say_deployment(deployment: Deployment, path: Path, *, made: bool) -> None:
    said = _("Deployed; recorded in {path}:") if made else _("Already deployed, as recorded in {path}:")
    output.line(said.format(path=path))
    output.fields(deployment.contracts.to_json().items())


def _say_status(facts: dict[str, Any]) -> None:
    rows: list[tuple[str, object]] = [
        (_("endpoint"), facts["rpc"]),
        (_("chain id"), facts["chain_id"]),
        (_("newest block"), f"{facts['block']} ({moment(facts['block_time'])})"),
        *facts["contracts"].items(),
        (_("agencies"), facts["agencies"]),
    ]
    log = facts.get("log")
    if log is None:
        rows.append((_("log"), _("not opened yet")))
    else:
        rows += [(_("log"), log["origin"]), (_("anchored entries"), log["size"]), (_("anchored root"), log["root"])]
    output.fields(rows)
