"""What was not chosen cannot be derived from what is sent: not from its bytes, salts, lengths or orders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from protocol.credential import open_credential, present_credential
from protocol.credential_issue import issue_credential, with_prepared
from protocol.encoding import b64u, unb64u
from protocol.envelope import seal_bytes
from protocol.hashing import sha256
from protocol.recipients import HybridIdentity
from tests import credential_samples as samples

SHOWN = ("/base_at_least_5000", "/holder/name_masked")
AUD, NONCE = samples.BANK_URN, b64u(b"\x05" * 32)


def issued(**fields: Any) -> str:
    holder = fields.pop("holder", samples.HOLDER_CLAIMS)
    request = samples.request(fields={**samples.INSURANCE, **fields}, holder=holder)
    return issue_credential(with_prepared(request), samples.ISSUER, even=True)


def shown(raw: str, claims: tuple[str, ...] = SHOWN) -> str:
    return present_credential(raw, claims, samples.HOLDER, aud=AUD, nonce=NONCE, iat=samples.ISSUED + 9)


def every_json(presentation: str) -> Iterator[Any]:
    for token in presentation.split("~"):
        for part in token.split(".")[:2] if "." in token else [token]:
            if part:
                yield json.loads(unb64u(part))


def everything_sent(presentation: str) -> bytes:
    """The presentation, and what any of its parts says when it is decoded."""
    return presentation.encode() + json.dumps(list(every_json(presentation)), ensure_ascii=False).encode()


def test_no_byte_of_a_hidden_value_or_salt_is_sent() -> None:
    raw = issued(insured_region="烟台市")  # the issuing department's own city stands in the clear
    whole, sent = open_credential(raw), shown(raw)
    opened = open_credential(sent)
    hidden = {p: d for p, d in whole.opened.disclosed.items() if p not in opened.opened.disclosed}
    assert {"/contribution_base", "/holder/name", "/months_paid"} <= set(hidden)
    everything = everything_sent(sent)
    for pointer, disclosure in hidden.items():
        assert disclosure.salt.encode() not in everything
        assert disclosure.raw.encode() not in everything
        assert (disclosure.name or pointer).encode() not in everything or disclosure.name == "name"
        if isinstance(disclosure.value, str):
            assert disclosure.value.encode() not in everything
    assert b"850000" not in everything


def test_every_salt_is_its_own_and_holds_128_bits() -> None:
    salts = [d.salt for raw in (issued(), issued()) for d in open_credential(raw).opened.disclosed.values()]
    beginnings = {salt[:22] for salt in salts}
    assert len(beginnings) == len(salts)
    assert all(len(salt) >= 22 for salt in salts)


def test_a_hidden_value_is_not_found_by_hashing_every_guess() -> None:
    sent = shown(issued())
    digests = {d for part in every_json(sent) for d in all_digests(part)}
    known = [d.salt for d in open_credential(sent).opened.disclosed.values()]
    for months in range(600):
        for salt in ("", *known, *(salt[:22] for salt in known)):
            guess = json.dumps([salt, "months_paid", months], separators=(",", ":"))
            assert b64u(sha256(b64u(guess.encode()).encode())) not in digests


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"contribution_base": 850_000}, {"contribution_base": 0}),
        ({"months_paid": 1}, {"months_paid": 999}),
        ({"insured_status": "正常"}, {"insured_status": "暂停缴费"}),
        ({"paid_last_12_months": True}, {"paid_last_12_months": False}),
    ],
)
def test_neither_a_yes_nor_what_is_hidden_changes_the_length_of_what_is_sent(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    claims = (*SHOWN, "/paid_last_12_months")
    first, second = shown(issued(**one), claims), shown(issued(**other), claims)
    assert [len(part) for part in first.split("~")] == [len(part) for part in second.split("~")]


def test_the_sealed_size_is_one_for_a_yes_and_a_no() -> None:
    reader = HybridIdentity(b"b" * 32).recipient()
    sizes = {
        len(seal_bytes(shown(issued(contribution_base=base)).encode(), [reader]).file)
        for base in (1, 499_999, 500_000, 99_999_999)
    }
    assert len(sizes) == 1


def test_a_name_of_two_characters_is_as_long_as_one_of_eight() -> None:
    names = ("王明", "买买提江·阿不都", "欧阳娜娜")
    lengths = {len(shown(issued(holder={**samples.HOLDER_CLAIMS, "name": name}), ("/holder/name",))) for name in names}
    assert len(lengths) == 1


def test_the_digests_stand_in_one_order_and_number_whatever_they_stand_for() -> None:
    fields = {name: value for name, value in samples.INSURANCE.items() if name != "employer_name"}
    without = issue_credential(with_prepared(samples.request(fields=fields)), samples.ISSUER, even=True)
    lists = [part["_sd"] for raw in (issued(), without) for part in every_json(shown(raw)) if "_sd" in part]
    assert all(digests == sorted(digests) for digests in lists)
    assert len({len(digests) for digests in lists}) == 1


def test_the_order_of_disclosures_does_not_tell_the_order_of_choice() -> None:
    raw = issued()
    one, other = shown(raw, ("/months_paid", "/insured_region")), shown(raw, ("/insured_region", "/months_paid"))
    assert one.split("~")[:-1] == other.split("~")[:-1]


def all_digests(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from part.get("_sd", [])
        for value in part.values():
            yield from all_digests(value)
    elif isinstance(part, list):
        for value in part:
            yield from all_digests(value)
