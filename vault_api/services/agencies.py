"""Agencies: what the chain says of each, and the key card that the vault keeps of it."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select

from chain.ledger import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO, AgencyState
from protocol import wire
from protocol.encoding import hex0x
from protocol.identifiers import agency_subject
from protocol.keycard import KeyCardEnvelope
from vault_api.chain_facts import Known
from vault_api.db import tables as t
from vault_api.pages import Page, page_of
from vault_api.vault import Vault

Role = Literal["issuer", "reader", "scenario_authority"]
ROLE_NAMES: dict[int, Role] = {
    ROLE_ISSUER: "issuer",
    ROLE_READER: "reader",
    ROLE_SCENARIO: "scenario_authority",
}


def list_agencies(vault: Vault, page: Page) -> wire.Page[wire.AgencyRow]:
    """All agencies in the order of their admission, as the follower has heard of them."""
    admitted = select(t.admitted).where(t.admitted.c.row > page.after).order_by(t.admitted.c.row)
    with vault.engine.connect() as conn:
        rows = conn.execute(admitted.limit(page.limit + 1)).all()
    return page_of(page, [(row.row, row.account) for row in rows], lambda account: get_agency(vault, account))


def get_agency(vault: Vault, account: bytes) -> wire.AgencyRow:
    """One agency; ``Denied("agency_unknown")`` if it was never admitted."""
    return _row(vault, vault.facts.agency(account))


def agency_row(known: Known[AgencyState], card: wire.Signed | None, now: int) -> wire.AgencyRow:
    """An agency as it travels: what it may do at ``now``."""
    state = known.state
    newest = state.card
    return wire.AgencyRow(
        account=hex0x(state.account),
        name=state.name,
        division=state.division,
        roles=[name for role, name in ROLE_NAMES.items() if state.has_role(role, now)],
        licence_types=sorted(
            {span.licence_type for span in state.issues if state.may_issue(span.licence_type, now)}
        ),
        compromised_since=newest.compromised_since if newest is not None else None,
        card=card,
        fact_age_s=known.age_s,
    )


def stored_card(vault: Vault, account: bytes, card_hash: bytes) -> wire.Signed | None:
    """The envelope of an agency's newest card, if it was brought here."""
    card = t.cards.c
    wanted = select(card.envelope).where(card.subject == agency_subject(account), card.card_hash == card_hash)
    with vault.engine.connect() as conn:
        raw = conn.execute(wanted).scalar()
    return KeyCardEnvelope.parse(raw).to_json() if raw is not None else None


def _row(vault: Vault, known: Known[AgencyState]) -> wire.AgencyRow:
    newest = known.state.card
    card = stored_card(vault, known.state.account, newest.hash) if newest is not None else None
    return agency_row(known, card, vault.clock.now())
