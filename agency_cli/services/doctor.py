"""Is everything in place to issue? One finding for each thing, each told as it is; nothing is changed."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from agency_cli.services.standing import own_account
from agency_cli.services.status_lists import Lists
from chain.ledger import ROLES, AgencyState
from client import deployment as deployments
from client.session import Session
from console.i18n import _, describe, moment
from protocol.encoding import hex0x
from protocol.errors import OneFileError, Untrusted

State = Literal["ok", "warning", "fault"]
CLOCK_WARN_S = 30
EXPIRY_WARN_S = 3600


@dataclass(frozen=True, slots=True)
class Finding:
    """``name`` is stable; ``detail`` is for people; ``code`` is the error's, empty if all is well."""

    name: str
    state: State
    detail: str
    code: str = ""


def examine(session: Session) -> Iterator[Finding]:
    """Findings from the inside out: profile, vault, chain, registry, status lists."""
    yield _found("profile", lambda: _profile(session))
    if not session.profile.party_file.exists():
        return
    yield _found("vault", lambda: _vault(session))
    yield _found("chain", lambda: _chain(session))
    try:
        state = session.ledger.agency(own_account(session))
    except OneFileError as error:
        yield _fault("registry", error)
        return
    yield from _registry(session, state)
    yield from _status(session)


def worst(findings: list[Finding]) -> State:
    """The worst state among the findings."""
    order: tuple[State, ...] = ("fault", "warning", "ok")
    return next(state for state in order if state == "ok" or any(f.state == state for f in findings))


def _profile(session: Session) -> tuple[State, str]:
    party = session.profile.load()
    mode = stat.S_IMODE(session.profile.key_file.stat().st_mode)
    if mode & 0o077:
        return "fault", _("the key store {path} can be read by others").format(path=session.profile.key_file)
    return "ok", f"{session.profile.name}  {hex0x(party.controller)}"


def _vault(session: Session) -> tuple[State, str]:
    info = session.public_api.info()
    deployments.with_log(session.deployment, info, None)
    away = abs(info.time - session.clock.now())
    if away > CLOCK_WARN_S:
        return "warning", _("{url}: its clock and ours are {seconds} s apart").format(
            url=session.vault_url, seconds=away
        )
    return "ok", f"{session.vault_url}  {info.log_origin}"


def _chain(session: Session) -> tuple[State, str]:
    record = session.deployment
    head, block = session.ledger.head(), session.ledger.block(record.deploy_block)
    if block is None or block.hash != record.deploy_block_hash:
        raise Untrusted("chain_other", "this is another chain than the one that the profile was made on")
    if record.log is not None:
        deployments.with_log(record, session.public_api.info(), session.ledger)
    return "ok", _("block {number}, {time}").format(number=head.number, time=moment(head.time))


def _registry(session: Session, state: AgencyState | None) -> Iterator[Finding]:
    if state is None:
        yield Finding("registry", "fault", _("the governor has not admitted this account"), "agency_not_admitted")
        return
    now = session.clock.now()
    roles = [name for role, name in ROLES.items() if state.has_role(role, now)]
    types = sorted({span.licence_type for span in state.issues if state.may_issue(span.licence_type, now)})
    detail = f"{state.name}: {', '.join(roles) or '–'}; {', '.join(types) or '–'}"
    yield Finding("registry", "ok" if roles else "warning", detail)
    yield _found("key card", lambda: _card(session, state))


def _card(session: Session, state: AgencyState) -> tuple[State, str]:
    card = state.card
    if card is None or not session.party.opened:
        return "fault", _("no key card is published; run `agency register`")
    if card.compromised_since is not None:
        return "fault", _("reported compromised since {time}").format(time=moment(card.compromised_since))
    if card.seq != session.party.card_seq:
        return "fault", _("the registry has card {newest}, this profile card {ours}; run `agency register`").format(
            newest=card.seq, ours=session.party.card_seq
        )
    if session.public_api.agency(state.account).card is None:
        return "fault", _("the vault has no copy of the key card; run `agency register`")
    return "ok", f"{card.seq}  {hex0x(card.hash)}"


def _status(session: Session) -> Iterator[Finding]:
    lists, now = Lists(session.profile.folder, own_account(session)), session.clock.now()
    for n in lists.numbers():
        state = lists.load(n)
        name = f"status list {n}"
        if state.published is None:
            yield Finding(name, "warning", _("never published; run `agency status publish`"))
        elif state.published.exp <= now:
            yield Finding(
                name, "fault", _("ended at {time}").format(time=moment(state.published.exp)), "status_expired"
            )
        elif state.changed or state.published.exp - now < EXPIRY_WARN_S:
            yield Finding(name, "warning", _("needs a new token; run `agency status publish`"))
        else:
            yield Finding(name, "ok", _("good until {time}").format(time=moment(state.published.exp)))


def _found(name: str, look: Callable[[], tuple[State, str]]) -> Finding:
    try:
        state, detail = look()
    except OneFileError as error:
        return _fault(name, error)
    return Finding(name, state, detail)


def _fault(name: str, error: OneFileError) -> Finding:
    return Finding(name, "fault", describe(error), error.code)
