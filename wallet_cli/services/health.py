"""The doctor: everything that must hold for the wallet to work, looked at one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from client import agent
from client.files import check_private
from client.session import Session
from console.i18n import describe
from protocol.errors import Denied, OneFileError, Unavailable
from wallet_cli.services.log_heads import fetch_checkpoint

MAX_CLOCK_OFF_S = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """``state``: ok, warning or fault; ``detail`` for people."""

    name: str
    state: str
    detail: str


def examine(session: Session) -> list[Finding]:
    """Look at everything; never raises one of ours."""
    checks: list[tuple[str, Callable[[Session], str]]] = [
        ("profile", _profile),
        ("keys", _keys),
        ("deployment", _deployment),
        ("vault", _vault),
        ("clock", _clock),
        ("chain", _chain),
        ("log", _log),
        ("dossier", _dossier),
        ("store", _store),
    ]
    return [_look(session, name, check) for name, check in checks]


def _look(session: Session, name: str, check: Callable[[Session], str]) -> Finding:
    try:
        return Finding(name, "ok", check(session))
    except Unavailable as error:
        return Finding(name, "warning", describe(error))
    except OneFileError as error:
        return Finding(name, "fault", describe(error))


def _profile(session: Session) -> str:
    party = session.party
    return f"{session.profile.folder} ({party.kind})"


def _keys(session: Session) -> str:
    path = session.profile.key_file
    if not path.exists():
        raise Denied("profile_not_found", "there is no key store at {path}", path=str(path))
    check_private(path)
    left = agent.left_s(session.profile)
    return f"{path} · 0600 · " + ("–" if left is None else f"{left} s")


def _deployment(session: Session) -> str:
    record = session.deployment
    return f"chain {record.chain_id}, block {record.deploy_block}"


def _vault(session: Session) -> str:
    info = session.public_api.info()
    return f"{session.vault_url} · {info.version} · {info.log_origin}"


def _clock(session: Session) -> str:
    off = session.clock.now() - session.public_api.info().time
    if abs(off) > MAX_CLOCK_OFF_S:
        raise Denied("clock_off", "this machine's clock is {seconds} s away from the vault's", seconds=off)
    return f"{off:+d} s"


def _chain(session: Session) -> str:
    head = session.ledger.head()
    return f"{session.settings.rpc_urls[0]} · block {head.number}"


def _log(session: Session) -> str:
    _raw, checkpoint = fetch_checkpoint(session)
    return f"{checkpoint.origin} · {checkpoint.size}"


def _dossier(session: Session) -> str:
    if not session.party.opened:
        raise Denied("dossier_not_open", "the dossier of profile {name} is not open yet", name=session.profile.name)
    state = session.ledger.dossier(session.party.subject)
    if state is None:
        raise Denied("dossier_unknown", "the registry knows no such dossier")
    return f"card {state.card_seq}, epoch {state.grant_epoch}"


def _store(session: Session) -> str:
    items = session.store.items()
    damaged = [record.id[:12] for record in items if record.damaged]
    if damaged:
        raise Denied("items_damaged", "damaged items: {items}", items=", ".join(damaged))
    return f"{len(items)} items, {session.store.log_head().head.n} events"
