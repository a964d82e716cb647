"""Which chain, contracts and log a profile lives on: pinned when the profile is made.

The record that ``chain deploy`` wrote is where trust begins: it comes from whoever runs the system, on a way
that is trusted, and names the block that tells its chain apart. A vault's word is never enough for it.

Every command reads the record; what only some do with it (the log's name, EIP-712) is loaded there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chain.deployment import Deployment
from client.files import read_bounded, write_private
from client.profile import Profile
from client.settings import Settings
from protocol.errors import Denied, Untrusted

if TYPE_CHECKING:
    from chain.ledger import LedgerReads
    from protocol import wire
    from protocol.eip712 import Domain

MAX_RECORD = 16 << 10


def pinned(profile: Profile) -> Deployment:
    """The deployment that the profile was made on; ``Denied("no_deployment")`` before."""
    path = profile.folder / "deployment.json"
    if not path.exists():
        raise Denied("no_deployment", "the profile {name} is not tied to a chain yet", name=profile.name)
    return Deployment.parse(read_bounded(path, limit=MAX_RECORD))


def pin(profile: Profile, deployment: Deployment) -> None:
    """Tie the profile to ``deployment``."""
    write_private(profile.folder / "deployment.json", deployment.serialise())


def local_record(settings: Settings) -> Deployment:
    """The record on this machine; ``Denied("no_deployment")`` if there is none."""
    return read_record(settings.deployment)


def read_record(path: Path) -> Deployment:
    """The record at ``path``; ``Denied("no_deployment")`` if there is none."""
    if not path.exists():
        raise Denied("no_deployment", "there is no deployment record at {path}", path=str(path))
    return Deployment.parse(read_bounded(path, limit=MAX_RECORD))


def with_log(deployment: Deployment, info: wire.Info, ledger: LedgerReads | None) -> Deployment:
    """``deployment`` with the log that the vault names, if chain and contracts are the same.

    With a ledger, the log must stand in its ArchiveLog with this key: the vault can't name another's.
    """
    from protocol.entries import origin_hash, parse_origin
    from protocol.note import Vkey

    origin, vkey = parse_origin(info.log_origin), Vkey.parse(info.log_vkey)
    ours = (deployment.chain_id, deployment.contracts.archive_log)
    if (origin.chain_id, origin.archive_log) != ours or vkey.name != info.log_origin:
        raise Untrusted(
            "vault_other_chain",
            "the vault keeps its log {origin} on another chain or contract than this deployment",
            origin=info.log_origin,
        )
    known = deployment.log
    if known is not None and known.origin != info.log_origin:
        raise _other_log()
    if ledger is not None:
        state = ledger.log_state(origin_hash(info.log_origin))
        if state is None or state.vkey != info.log_vkey:
            raise _other_log()
    elif known is not None and known.vkey != info.log_vkey:
        raise _other_log()  # the chain might say that the key was replaced; the vault can't
    return deployment.with_log(info.log_origin, info.log_vkey)


def with_chain_key(deployment: Deployment, ledger: LedgerReads) -> Deployment:
    """``deployment`` with the key that its log has on chain now; as it is, if it names no log or the chain has none."""
    from protocol.entries import origin_hash
    from protocol.note import Vkey

    log = deployment.log
    state = None if log is None else ledger.log_state(origin_hash(log.origin))
    if log is None or state is None or state.vkey == log.vkey or Vkey.parse(state.vkey).name != log.origin:
        return deployment
    return deployment.with_log(log.origin, state.vkey)


def _other_log() -> Untrusted:
    return Untrusted("vault_other_log", "the vault names another log or log key than the deployment record")


def dossier_domain(deployment: Deployment) -> Domain:
    """The EIP-712 domain of dossier messages and dossiers' key cards."""
    return _domain(deployment, deployment.contracts.dossier_registry)


def agency_domain(deployment: Deployment) -> Domain:
    """The EIP-712 domain of agencies' key cards."""
    return _domain(deployment, deployment.contracts.agency_registry)


def grant_domain(deployment: Deployment) -> Domain:
    """The EIP-712 domain of grants and mandates."""
    return _domain(deployment, deployment.contracts.grant_registry)


def _domain(deployment: Deployment, contract: bytes) -> Domain:
    from protocol.eip712 import Domain

    return Domain(deployment.chain_id, contract)
