"""Calls, events and refusals of our contracts as bytes; tables that must match the committed artifacts."""

from __future__ import annotations

import string

import pytest
from eth_abi.abi import encode as abi_encode
from hypothesis import given
from hypothesis import strategies as st

from chain import events as e
from chain.codec import MAX_ABI_BYTES, Codec, decode, encode, error_names, event_names, refusal_of
from chain.deployment import Contracts
from chain.event_table import LEFT_OUT, ROWS, to_event
from chain.reverts import NOT_OURS, REFUSALS, refusal
from chain.values import BlockRef
from chain.world import _STEPS
from protocol.errors import Denied, Malformed, Unavailable
from protocol.hashing import keccak256

CONTRACTS = Contracts(*(bytes([number]) * 20 for number in range(1, 5)))
CODEC = Codec(CONTRACTS)
AT = e.EventRef(BlockRef(1, bytes(32), 2), bytes(32), 0)


class TestTables:
    def test_every_error_of_the_contracts_has_a_row_and_no_other(self) -> None:
        assert set(REFUSALS) | NOT_OURS == error_names()
        assert not set(REFUSALS) & NOT_OURS

    def test_every_event_of_the_contracts_has_a_row_or_is_left_out(self) -> None:
        assert set(ROWS) | LEFT_OUT == event_names()
        assert not set(ROWS) & LEFT_OUT

    def test_every_event_of_the_ledger_has_a_step(self) -> None:
        assert set(_STEPS) == set(e.Event.__args__)

    @pytest.mark.parametrize("name", sorted(REFUSALS))
    def test_the_fields_of_a_text_are_arguments_of_its_error(self, name: str) -> None:
        from chain.codec import _errors
        from protocol.eip712 import snake

        signatures = [s for s in _errors().values() if s.name == name]
        fields = {field for _, field, _, _ in string.Formatter().parse(REFUSALS[name].template) if field}
        for signature in signatures:
            filled = refusal(name, **{snake(argument): 1 for argument in signature.names})
            assert fields <= set(filled.facts)

    def test_codes_are_stable_words(self) -> None:
        for error in REFUSALS.values():
            assert error.code.isascii()
            assert error.code == error.code.lower().strip("_")


class TestRefusals:
    def test_a_refusal_is_a_new_error_with_its_facts(self) -> None:
        data = keccak256(b"AgencyUnknown(address)")[:4] + bytes(12) + b"\x07" * 20
        error = refusal_of(data)
        assert (type(error), error.code) == (Denied, "agency_unknown")
        assert error.facts == {"agency": "0x" + "07" * 20}
        assert error is not REFUSALS["AgencyUnknown"]

    def test_an_unknown_refusal_is_denied_with_its_selector(self) -> None:
        error = refusal_of(b"\x12\x34\x56\x78")
        assert (type(error), error.code) == (Denied, "contract_refused")
        assert "0x12345678" in str(error)
        assert refusal_of(b"").code == "contract_refused"
        assert refusal("NoSuchError").code == "contract_refused"

    def test_a_garbled_refusal_is_garbage(self) -> None:
        with pytest.raises(Unavailable):
            refusal_of(keccak256(b"AgencyUnknown(address)")[:4] + b"\x07")

    def test_a_text_in_a_refusal_cannot_write_to_the_terminal(self) -> None:
        data = keccak256(b"NameInvalid(string)")[:4] + abi_encode(["string"], ["\x1b[2J\n" + "x" * 500])
        told = str(refusal_of(data))
        assert "\x1b" not in told
        assert "\n" not in told
        assert len(told) < 200


class TestEncoding:
    @pytest.mark.parametrize(
        ("types", "args"),
        [
            (["bytes32"], [b"short"]),
            (["bytes32"], [bytes(33)]),
            (["address"], [bytes(19)]),
            (["bytes32[]"], [[bytes(32), bytes(31)]]),
            (["(address,bytes32)"], [(bytes(20), bytes(31))]),
        ],
        ids=repr,
    )
    def test_what_the_library_would_pad_is_malformed(self, types: list[str], args: list[object]) -> None:
        with pytest.raises(Malformed):
            encode(types, args)

    def test_values_come_back(self) -> None:
        types = ["address", "(address,uint64)", "bytes32[]", "string"]
        values = (b"\x01" * 20, (b"\x02" * 20, 7), (bytes(32),), "档案")
        assert decode(types, encode(types, values)) == values

    @given(st.binary(max_size=200))
    def test_hostile_bytes_decode_or_are_garbage(self, raw: bytes) -> None:
        types = ["(string,bytes32,uint64,address,bool,address,address,bytes32,string)"]
        try:
            (value,) = decode(types, raw)
        except Unavailable as fault:
            code = fault.code
        else:
            code = "decoded" if len(value) == 9 else "wrong"
        assert code in {"chain_garbage", "decoded"}

    def test_a_call_starts_with_its_selector(self) -> None:
        call = CODEC.call("GrantRegistry", "revoke", bytes(32))
        assert call.to == CONTRACTS.grant_registry
        assert call.data == keccak256(b"revoke(bytes32)")[:4] + bytes(32)


class TestEvents:
    def test_an_event_is_read(self) -> None:
        topics = [CODEC.topic("GrantRegistry", "Nullified"), b"\x05" * 32]
        decoded = CODEC.event(CONTRACTS.grant_registry, topics, b"\x06" * 32)
        assert decoded is not None
        assert to_event(AT, decoded) == e.Nullified(AT, b"\x05" * 32, b"\x06" * 32)

    def test_an_event_that_we_do_not_know_is_skipped(self) -> None:
        assert CODEC.event(CONTRACTS.grant_registry, [bytes(32)], b"") is None
        assert CODEC.event(CONTRACTS.grant_registry, [], b"") is None

    def test_an_event_of_one_contract_is_not_believed_of_another(self) -> None:
        topics = [CODEC.topic("GrantRegistry", "Nullified"), b"\x05" * 32]
        assert CODEC.event(CONTRACTS.archive_log, topics, b"\x06" * 32) is None

    def test_an_event_that_the_ledger_leaves_out_is_nothing(self) -> None:
        topics = [CODEC.topic("AgencyRegistry", "OwnershipTransferred"), bytes(32), bytes(32)]
        decoded = CODEC.event(CONTRACTS.agency_registry, topics, b"")
        assert decoded is not None
        assert to_event(AT, decoded) is None

    def test_an_event_of_a_foreign_contract_is_garbage(self) -> None:
        with pytest.raises(Unavailable):
            CODEC.event(bytes(20), [bytes(32)], b"")

    @pytest.mark.parametrize("count", [0, 2, 3])
    def test_an_event_with_other_topics_is_garbage(self, count: int) -> None:
        topics = [CODEC.topic("GrantRegistry", "Nullified"), *[bytes(32)] * count]
        with pytest.raises(Unavailable):
            CODEC.event(CONTRACTS.grant_registry, topics, b"\x06" * 32)

    def test_an_event_with_short_data_is_garbage(self) -> None:
        topics = [CODEC.topic("GrantRegistry", "Nullified"), b"\x05" * 32]
        with pytest.raises(Unavailable):
            CODEC.event(CONTRACTS.grant_registry, topics, b"\x06")

    def test_an_offer_to_the_zero_account_is_an_offer_taken_back(self) -> None:
        topics = [CODEC.topic("ArchiveLog", "LogOwnerProposed"), b"\x05" * 32]
        decoded = CODEC.event(CONTRACTS.archive_log, topics, bytes(32))
        assert decoded is not None
        assert to_event(AT, decoded) == e.LogOwnerProposed(AT, b"\x05" * 32, None)


def test_an_answer_longer_than_any_of_ours_is_garbage_before_it_is_decoded() -> None:
    with pytest.raises(Unavailable) as caught:
        decode(["uint256"], bytes(MAX_ABI_BYTES + 32))
    assert caught.value.code == "chain_garbage"
