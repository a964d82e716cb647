"""What an issuer without the right and a licence without force can do to a reader: each is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.reader_lies import Attack, refused
from tests.reader_stage import CLAIMS, Given, Issued, ReaderStage


def issued(use: Callable[[ReaderStage], Issued], *, claims: tuple[str, ...] = CLAIMS[1:], **given: Any) -> Attack:
    def attack(reader: ReaderStage) -> Given:
        item = use(reader)
        reader.anchor()
        return reader.give(item, claims=claims, **given)

    return attack


def governor(reader: ReaderStage) -> Any:
    return reader.chain.ledger(reader.vault.governor.address)


def after_the_role_ended(reader: ReaderStage) -> Issued:
    """Deposited while the issuer was one, anchored after it had ceased to be: the chain's time counts."""
    item = reader.issue()
    governor(reader).end_role(reader.issuer.address, 1)
    reader.vault.clock.advance(60)
    return item


def after_the_type_ended(reader: ReaderStage) -> Issued:
    item = reader.issue()
    governor(reader).end_issue(reader.issuer.address, "social-insurance-proof")
    reader.vault.clock.advance(60)
    return item


def after_the_key_was_stolen(reader: ReaderStage) -> Issued:
    item = reader.issue()
    reader.chain.ledger(reader.issuer.address).set_compromised(1, reader.vault.clock.now())
    return item


def of_a_type_it_may_not_issue(reader: ReaderStage) -> Issued:
    other = reader.vault.agency("school", 1, division="school", types=("diploma",))
    return reader.issue(issuer=other)


def with_status(status: int) -> Callable[[ReaderStage], Issued]:
    def use(reader: ReaderStage) -> Issued:
        item = reader.issue()
        reader.lists.set(item.status_index, status)
        reader.publish_status()
        return item

    return use


def with_status_of_another(reader: ReaderStage) -> Issued:
    """Another issuer's clean list in the place of this one's."""
    from protocol.status_list import sign_status_token, status_uri

    item = reader.issue()
    other = reader.vault.agency("another", 1, division="hr-bureau", types=("social-insurance-proof",))
    token = reader.lists.token(
        iss=reader.vault.urn(other), uri=status_uri(other.address, 0), iat=reader.clock.now(), lifetime_s=3600
    )
    raw = sign_status_token(token, reader.issuer.present)
    reader.lie("/status-lists/", lambda _body: raw.encode())
    return item


ISSUED: dict[str, tuple[Attack, str]] = {
    "an issuer whose role had ended": (issued(after_the_role_ended), "issuer_not_allowed"),
    "an issuer whose licence type had ended": (issued(after_the_type_ended), "issuer_not_allowed"),
    "a type that the issuer may not issue": (issued(of_a_type_it_may_not_issue), "issuer_not_allowed"),
    "a key that was stolen": (issued(after_the_key_was_stolen), "agency_compromised"),
    "a revoked credential": (issued(with_status(1)), "credential_invalid"),
    "a suspended credential": (issued(with_status(2)), "credential_suspended"),
    "a status list of another issuer": (issued(with_status_of_another), "status_uri"),
    "a credential older than asked for": (
        issued(lambda r: r.issue(issued_at=r.clock.now() - 91 * 86_400)),
        "credential_too_old",
    ),
    "a credential of another type than the query": (
        issued(lambda r: r.issue_diploma(), claims=("/holder/name",)),
        "scenario_type",
    ),
}


@pytest.mark.parametrize(("attack", "code"), ISSUED.values(), ids=ISSUED)
def test_an_issuer_without_the_right_and_a_licence_without_force_are_refused(
    fresh_reader: ReaderStage, attack: Attack, code: str
) -> None:
    assert refused(fresh_reader, attack) == code


def test_a_status_list_of_yesterday_accepts_nothing(fresh_reader: ReaderStage) -> None:
    """Stale is not revoked: the verdict is open, and so says the folder."""
    given = fresh_reader.give(fresh_reader.item)
    fresh_reader.vault.clock.advance(3601)
    fresh_reader.vault.follow()

    done = fresh_reader.release(given)

    assert done.outcome.verdict == "indeterminate"
    check = done.outcome.items[0].verdict.check("status")
    assert check is not None
    assert (check.status, check.code) == ("unknown", "facts_stale")


def test_a_credential_under_correction_is_neither_accepted_nor_rejected(fresh_reader: ReaderStage) -> None:
    fresh_reader.lists.set(fresh_reader.item.status_index, 3)
    fresh_reader.publish_status()

    assert fresh_reader.release(fresh_reader.give(fresh_reader.item)).outcome.verdict == "indeterminate"
