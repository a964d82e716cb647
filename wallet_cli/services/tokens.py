"""Names of agencies as people write them, and tokens that invite an agency."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from client.checks import kept_trust, open_desk
from client.session import Session
from protocol.encoding import b64u, hex0x
from protocol.errors import Denied, Malformed, Unavailable
from protocol.facts import ROLE_READER
from protocol.identifiers import agency_urn, dossier_urn, parse_address, parse_agency_urn
from protocol.statements import CARD_TOKEN_MAX_S, CardToken, Statement, sign_card_token, sign_statement
from wallet_cli.services.registration import newest_card


def agency_account(session: Session, text: str) -> bytes:
    """The account (20 bytes) of an agency by its account, urn, or registered name (exact, or one that contains it)."""
    if text.startswith("urn:"):
        ref = parse_agency_urn(text)
        contracts = session.deployment.contracts
        if (ref.chain_id, ref.registry) != (session.deployment.chain_id, contracts.agency_registry):
            raise Malformed("agency_other_chain", "the agency {urn} is registered on another chain", urn=text)
        return ref.account
    if text.startswith("0x"):
        return parse_address(text)
    named = {account: name for account, name in _names(session) if text in name}
    found = [account for account, name in named.items() if name == text] or list(named)
    if len(found) != 1:
        raise Denied("agency_not_found", "{count} agencies have a name with {text}", count=len(found), text=text)
    return found[0]


def _names(session: Session) -> Iterator[tuple[bytes, str]]:
    """Account and registered name of every agency: by the chain, else as this machine last saw it.

    Never by the vault, which could call one agency by another's name, or leave one of two out.
    """
    ledger = session.ledger_if_reachable()
    if ledger is not None:
        return ((state.account, state.name) for state in ledger.agencies())
    kept = kept_trust(session)
    if kept is None:
        raise Unavailable("no_facts", "the chain does not answer, and this profile has no trust file from when it did")
    return ((agency.facts.account, agency.facts.name) for agency in kept.agencies)


def readers(session: Session) -> list[tuple[str, str]]:
    """Account and registered name of every agency that may read now, by name: by the chain, never by the vault."""
    desk, now = open_desk(session), session.clock.now()
    found = [
        (account, name) for account, name in _names(session) if desk.facts.agency(account).has_role(ROLE_READER, now)
    ]
    return sorted((hex0x(account), name) for account, name in found)


def urn_of(session: Session, account: bytes) -> str:
    """The urn of an agency on our chain."""
    deployment = session.deployment
    return agency_urn(deployment.chain_id, deployment.contracts.agency_registry, account)


def own_urn(session: Session) -> str:
    """The urn of our dossier."""
    return dossier_urn(session.party.subject)


def card_token(session: Session, account: bytes) -> str:
    """A token that tells one agency, for ten minutes, which dossier and key card is ours.

    That it was invited is kept: what it issues is expected (``services/expecting.py``).
    """
    now, agency = session.clock.now(), urn_of(session, account)
    card = newest_card(session)
    token = CardToken(own_urn(session), agency, now, now + CARD_TOKEN_MAX_S, card.hash)
    session.store.add_invited(agency, now)
    return sign_card_token(token, session.keys.present(card.card.seq))


def statement(session: Session, kind: str, **members: bytes | str | None) -> str:
    """A signed statement of ours for the log: ``claim``, ``delete``, ``complaint`` …"""
    body = Statement(
        jti=b64u(secrets.token_bytes(16)),
        iat=session.clock.now(),
        iss=own_urn(session),
        aud=session.log.origin,
        kind=kind,
        **members,  # type: ignore[arg-type]  # the kinds' members are checked when it is signed
    )
    return sign_statement(body, session.keys.present(session.party.card_seq))
