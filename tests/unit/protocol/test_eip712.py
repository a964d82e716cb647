from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import pytest
from eth_account.messages import encode_typed_data

from protocol import eip712
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain, StructType, Typed, typed_data
from protocol.errors import Malformed
from protocol.grant import AccessGrant, ScopeItem
from protocol.hashing import keccak256
from protocol.keycard import KeyCard
from protocol.mandate import Mandate

MESSAGES = (OpenDossier, RotateDossier, BumpEpoch, KeyCard, ScopeItem, AccessGrant, Mandate)


@dataclass(frozen=True, slots=True)
class Leaf(Typed):
    TYPE: ClassVar[StructType] = StructType("Leaf(string name,uint8 size)")

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Tree(Typed):
    TYPE: ClassVar[StructType] = StructType(
        "Tree(bytes32 id,address owner,bool old,bytes raw,uint256 big,Leaf first,Leaf[] leaves,uint16[] rings)", Leaf
    )

    id: bytes
    owner: bytes
    old: bool
    raw: bytes
    big: int
    first: Leaf
    leaves: tuple[Leaf, ...]
    rings: tuple[int, ...]


GOOD: dict[str, Any] = {
    "id": b"\x01" * 32,
    "owner": b"\x02" * 20,
    "old": True,
    "raw": b"raw",
    "big": 7,
    "first": Leaf("橡", 1),
    "leaves": (Leaf("a", 2), Leaf("b", 3)),
    "rings": (1, 2),
}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_fields_of_a_message_stand_in_the_order_of_its_type_string(message: type[Typed]) -> None:
    assert tuple(f.name for f in fields(message) if f.init) == message.TYPE.fields  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_a_type_string_stands_in_the_contracts_list_of_messages(message: type[Typed]) -> None:
    listed = Path("contracts/MESSAGES.md").read_text("utf-8").splitlines()
    assert message.TYPE.type_string in listed


def test_the_example_of_eip712_hashes_as_the_standard_prints_it() -> None:
    @dataclass(frozen=True, slots=True)
    class Person(Typed):
        TYPE: ClassVar[StructType] = StructType("Person(string name,address wallet)")

        name: str
        wallet: bytes

    @dataclass(frozen=True, slots=True)
    class Mail(Typed):
        TYPE: ClassVar[StructType] = StructType("Mail(Person from,Person to,string contents)", Person)

        # `from` is a keyword of Python, so the values are given in order below.
        sender: Person
        to: Person
        contents: str

        def values(self) -> tuple[object, ...]:
            return (self.sender, self.to, self.contents)

    cow = Person("Cow", bytes.fromhex("CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"))
    bob = Person("Bob", bytes.fromhex("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"))
    mail = Mail(cow, bob, "Hello, Bob!")
    assert Mail.TYPE.type_hash.hex() == "a0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2"
    assert mail.struct_hash().hex() == "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"


def test_every_kind_of_member_is_hashed_as_eth_account_does_it() -> None:
    # Declared here, so that the reading of the type strings is under test as well.
    @dataclass(frozen=True, slots=True)
    class Zebra(Typed):
        TYPE: ClassVar[StructType] = StructType("Zebra(bool striped,uint64 bornAt)")

        striped: bool
        born_at: int

    @dataclass(frozen=True, slots=True)
    class Ape(Typed):
        TYPE: ClassVar[StructType] = StructType("Ape(string firstName)")

        first_name: str

    @dataclass(frozen=True, slots=True)
    class Zoo(Typed):
        TYPE: ClassVar[StructType] = StructType(
            "Zoo(bytes32 id,address owner,bool isOpen,bytes mapOfIt,uint256[] gates,string[] rules,Zebra[] zebras,Ape ape)",
            Zebra,
            Ape,
        )

        id: bytes
        owner: bytes
        is_open: bool
        map_of_it: bytes
        gates: tuple[int, ...]
        rules: tuple[str, ...]
        zebras: tuple[Zebra, ...]
        ape: Ape

    zoo = Zoo(
        id=b"\1" * 32,
        owner=b"\2" * 20,
        is_open=True,
        map_of_it=b"map",
        gates=(1, 2**255),
        rules=("no", "不"),
        zebras=(Zebra(striped=False, born_at=7), Zebra(striped=True, born_at=8)),
        ape=Ape("K"),
    )
    domain = Domain(31337, b"\3" * 20)
    data = typed_data(zoo, domain)
    signable = encode_typed_data(full_message=data)
    assert keccak256(b"\x19" + signable.version + signable.header + signable.body) == zoo.digest(domain)
    assert list(data["types"]) == ["EIP712Domain", "Ape", "Zebra", "Zoo"]
    assert data["types"]["EIP712Domain"] == [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ]


def test_the_domain_separator_covers_name_version_chain_and_contract() -> None:
    base = Domain(1, b"\x01" * 20)
    assert base.separator == keccak256(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak256(b"OneFile")
        + keccak256(b"1")
        + (1).to_bytes(32, "big")
        + bytes(12)
        + b"\x01" * 20
    )
    assert len({base.separator, Domain(2, b"\x01" * 20).separator, Domain(1, b"\x02" * 20).separator}) == 3


def test_a_digest_depends_on_every_member() -> None:
    domain = Domain(1, b"\x01" * 20)
    other = {
        "id": b"\x09" * 32,
        "owner": b"\x09" * 20,
        "old": False,
        "raw": b"",
        "big": 8,
        "first": Leaf("橡", 2),
        "leaves": (),
        "rings": (2, 1),
    }
    digests = {Tree(**{**GOOD, name: value}).digest(domain) for name, value in other.items()}
    assert len(digests | {Tree(**GOOD).digest(domain)}) == len(other) + 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", b"\x01" * 31),  # eth-account would pad it
        ("id", b"\x01" * 33),
        ("id", "0x" + "01" * 32),
        ("owner", b"\x02" * 19),
        ("owner", b"\x00" * 12 + b"\x02" * 20),
        ("old", 1),
        ("raw", "raw"),
        ("raw", bytes(eip712.MAX_BYTES + 1)),
        ("big", -1),
        ("big", 2**256),
        ("big", True),
        ("first", ("a", 1)),
        ("first", BumpEpoch(b"\x01" * 32, 0, 0)),
        ("leaves", [Leaf("a", 2)]),
        ("leaves", (b"\x01" * 32,)),
        ("rings", (2**16,)),
    ],
)
def test_a_value_of_the_wrong_type_length_or_range_is_refused_when_the_message_is_built(name: str, value: Any) -> None:
    with pytest.raises(Malformed) as caught:
        Tree(**{**GOOD, name: value})
    assert caught.value.code == "eip712_value"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("raw", bytes(eip712.MAX_BYTES)),
        ("big", 2**256 - 1),
        ("rings", (2**16 - 1, 0)),
        ("first", Leaf("a" * eip712.MAX_TEXT_BYTES, 255)),
    ],
)
def test_a_value_at_its_bound_is_taken(name: str, value: Any) -> None:
    assert getattr(Tree(**{**GOOD, name: value}), name) == value


def test_the_largest_number_of_json_is_read() -> None:
    assert Tree.from_json({**Tree(**GOOD).to_json(), "big": 2**53 - 1}).big == 2**53 - 1


@pytest.mark.parametrize("text", ["\ud800", "a" * (eip712.MAX_TEXT_BYTES + 1), b"bytes", None])
def test_text_that_has_no_utf8_or_is_too_long_is_refused(text: Any) -> None:
    with pytest.raises(Malformed):
        Leaf(text, 1)


def test_json_carries_every_kind_of_member_and_comes_back() -> None:
    tree = Tree(**GOOD)
    value = tree.to_json()
    assert value["leaves"] == [{"name": "a", "size": 2}, {"name": "b", "size": 3}]
    assert value["raw"] == "0x726177"
    assert Tree.from_json(value) == tree


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "0x01"),
        ("id", 1),
        ("owner", "0x" + "AB" * 20),
        ("raw", "726177"),
        ("big", 2**53),  # has no canonical JSON
        ("big", "7"),
        ("big", 7.0),
        ("old", "true"),
        ("first", None),
        ("first", {"name": "a"}),
        ("leaves", {}),
        ("leaves", [1]),
    ],
)
def test_json_of_another_shape_is_malformed(name: str, value: Any) -> None:
    with pytest.raises(Malformed):
        Tree.from_json({**Tree(**GOOD).to_json(), name: value})


@pytest.mark.parametrize("change", [{"extra": 1}, {"size": None}])
def test_json_with_an_extra_or_a_missing_member_is_malformed(change: dict[str, Any]) -> None:
    value = {**Leaf("a", 1).to_json(), **change}
    value = {k: v for k, v in value.items() if v is not None}
    with pytest.raises(Malformed):
        Leaf.from_json(value)


@pytest.mark.parametrize("values", [(), ("a",), ("a", 1, 2)])
def test_values_too_few_or_too_many_are_a_fault_of_the_program(values: tuple[Any, ...]) -> None:
    for use in (Leaf.TYPE.check, Leaf.TYPE.struct_hash):
        with pytest.raises(ValueError, match=r"zip\(\)"):
            use(values)


def test_a_domain_with_a_short_contract_address_is_refused() -> None:
    with pytest.raises(Malformed):
        Domain(1, b"\x01" * 19)


def test_a_chain_id_has_256_bits() -> None:
    assert Domain(2**256 - 1, b"\x01" * 20).chain_id == 2**256 - 1
    for chain_id in (2**256, -1, True):
        with pytest.raises(Malformed):
            Domain(chain_id, b"\x01" * 20)


@pytest.mark.parametrize(
    "text", ["Leaf", "Leaf()", "Leaf(string)", "Leaf(bytes31 a)", "Leaf(uint7 a)", "Leaf(Other a)"]
)
def test_a_wrong_declaration_fails_when_the_program_is_loaded(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        StructType(text)


def test_typed_data_declares_the_domain_and_every_struct() -> None:
    data = typed_data(Tree(**GOOD), Domain(5, b"\x03" * 20))
    assert set(data["types"]) == {"EIP712Domain", "Leaf", "Tree"}
    assert data["primaryType"] == "Tree"
    assert data["domain"] == {"name": "OneFile", "version": "1", "chainId": 5, "verifyingContract": "0x" + "03" * 20}
    assert data["types"]["Leaf"] == [{"name": "name", "type": "string"}, {"name": "size", "type": "uint8"}]
