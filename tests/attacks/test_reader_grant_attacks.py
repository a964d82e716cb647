"""What a vault can do to a reader that was bribed to let a grant or a scenario pass: each is refused by name.

Every row is one lie in an otherwise honest use. After each of them the reader has no folder, whatever it was handed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from protocol.encoding import b64u
from protocol.grant import GrantEnvelope
from protocol.hashing import sha256
from protocol.identifiers import agency_urn
from protocol.licence_types import Title
from protocol.scenario import Scenario, sign_scenario
from tests.reader_lies import THIEF, Attack, refused
from tests.reader_stage import CLAIMS, Given, ReaderStage


def bribed(change: Callable[[ReaderStage, GrantEnvelope], GrantEnvelope]) -> Attack:
    """The vault shows another envelope under the grant's id, and says that it holds."""

    def attack(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        other = change(reader, given.envelope)
        path = f"/v1/grants/{given.id}"
        reader.lie(path, lambda body: {**body, "envelope": other.to_json()} if "envelope" in body else body)
        return given

    return attack


def signed_anew(reader: ReaderStage, envelope: GrantEnvelope, **changes: Any) -> GrantEnvelope:
    """The holder signs something else under the same id."""
    grant = replace(envelope.message, **changes)
    digest = grant.digest(reader.vault.vault.grant_domain)
    return GrantEnvelope.of(grant, reader.alice.account.sign_digest(digest))


def altered(**changes: Any) -> Callable[[ReaderStage, GrantEnvelope], GrantEnvelope]:
    """Other words under the old signature."""
    return lambda _r, e: GrantEnvelope.of(replace(e.message, **changes), e.signature)


def over_asking(reader: ReaderStage, envelope: GrantEnvelope) -> GrantEnvelope:
    part = replace(envelope.message.scope[0], claims=("/holder/identity_number", *CLAIMS[1:]))
    return signed_anew(reader, envelope, scope=(part,))


BRIBED: dict[str, tuple[Attack, str]] = {
    "more uses than were signed for": (bribed(altered(max_uses=99)), "signature"),
    "a longer time than was signed for": (bribed(altered(not_after=1_900_000_000)), "signature"),
    "another agency": (bribed(altered(agency=bytes(20))), "signature"),
    "more than the scenario allows": (bribed(over_asking), "over_asking"),
    "more uses than the scenario allows": (bribed(lambda r, e: signed_anew(r, e, max_uses=4)), "grant_exceeds_scenario"),
    "another log": (bribed(lambda r, e: signed_anew(r, e, log=bytes(32))), "grant_log"),
    "an epoch that has not come": (bribed(lambda r, e: signed_anew(r, e, grant_epoch=7)), "grant_epoch"),
    "a grant that is over": (
        bribed(lambda r, e: signed_anew(r, e, not_before=1, not_after=2)),
        "grant_expired",
    ),
    "a grant to another agency": (bribed(lambda r, e: signed_anew(r, e, agency=r.issuer.address)), "grant_agency"),
    "a grant of a stranger": (
        bribed(lambda r, e: GrantEnvelope.of(replace(e.message, grantor=r.bank.address), r.bank.account.sign_digest(
            replace(e.message, grantor=r.bank.address).digest(r.vault.vault.grant_domain)))),
        "not_controller",
    ),
    "a grant of another id": (bribed(lambda r, e: signed_anew(r, e, grant_id=b"\x09" * 32)), "grant_other"),
}  # fmt: skip


@pytest.mark.parametrize(("attack", "code"), BRIBED.values(), ids=BRIBED)
def test_a_grant_that_does_not_hold_is_refused_before_a_receipt_is_signed(
    reader: ReaderStage, attack: Attack, code: str
) -> None:
    before = reader.posts("/release")

    assert refused(reader, attack) == code
    assert reader.posts("/release") == before
    assert reader.uses() == []


def test_a_grant_whose_epoch_ended_on_chain_alone_is_not_used(fresh_reader: ReaderStage) -> None:
    from protocol.dossier_messages import BumpEpoch

    reader = fresh_reader
    given = reader.give(reader.item)
    message = BumpEpoch(reader.alice.dossier, 0, 4_000_000_000)
    signature = reader.alice.account.sign_digest(message.digest(reader.vault.vault.dossier_domain))
    reader.chain.ledger(reader.alice.address).bump_epoch(message, signature)

    assert refused(reader, lambda _reader: given) == "grant_epoch"
    assert reader.posts("/release") == 0


def told_of(reader: ReaderStage, scenario: str) -> None:
    """The vault serves a scenario that nobody brought to it."""

    def tell(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if not request.url.path.startswith("/v1/scenarios/"):
            return answer
        row = {"hash": b64u(sha256(scenario.encode())), "scenario": scenario, "index": 1}
        return httpx2.Response(200, json=row)

    reader.bridge.lies.append(tell)


def under(scenario: Callable[[ReaderStage], str]) -> Attack:
    """A grant that the holder signed for a scenario of somebody's own making."""

    def attack(reader: ReaderStage) -> Given:
        made = scenario(reader)
        told_of(reader, made)
        return bribed(lambda r, e: signed_anew(r, e, scenario=sha256(made.encode())))(reader)

    return attack


def wide(reader: ReaderStage, **changes: Any) -> Scenario:
    return replace(reader.vault.a_scenario(reader.authority, max_uses=1_000), **changes)


SCENARIOS: dict[str, tuple[Attack, str]] = {
    "by a key that no card holds": (under(lambda r: sign_scenario(wide(r), THIEF)), "card_not_here"),
    "by an agency that is no authority": (
        under(lambda r: sign_scenario(wide(r, authority=r.vault.urn(r.bank)), r.bank.present)),
        "scenario_authority",
    ),
    "by an agency of another registry": (
        under(
            lambda r: sign_scenario(
                wide(r, authority=agency_urn(1, bytes(20), r.authority.address)), r.authority.present
            )
        ),
        "scenario_registry",
    ),
    "by an agency that nobody admitted": (
        under(
            lambda r: sign_scenario(
                wide(r, authority=r.vault.urn(r.bank).replace(r.bank.address.hex(), "aa" * 20)), THIEF
            )
        ),
        "agency_unknown",
    ),
    "that is over": (
        under(lambda r: sign_scenario(wide(r, effective=1, expires=2), r.authority.present)),
        "scenario_not_in_force",
    ),
    "for other agencies": (
        under(lambda r: sign_scenario(wide(r, grantee_classes=("police",)), r.authority.present)),
        "scenario_grantee",
    ),
    "with another purpose": (
        under(lambda r: sign_scenario(wide(r, purpose=Title("别的", "Something else")), r.authority.present)),
        "grant_purpose",
    ),
}


@pytest.mark.parametrize(("attack", "code"), SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_is_believed_for_its_authority_and_not_for_the_vault(
    reader: ReaderStage, attack: Attack, code: str
) -> None:
    assert refused(reader, attack) == code
