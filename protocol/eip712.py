"""EIP-712 typed structured data: our own struct hash, strict where libraries are lenient.

eth-account pads a short ``bytes32`` and ignores unknown fields; here every value is checked for type, length
and range when a message is built, so that hashing has nothing left to refuse. The type strings stand in the
source as the contracts write them. Field names are the snake_case of the EIP-712 names; in JSON they are the
EIP-712 names, bytes and addresses as lower-case 0x-hex and integers as numbers, so that any wallet can sign from
our JSON.

Wire law: a type string is frozen with the type hash that it gives. A changed message is a new type.
Left out: fixed-size arrays, signed integers, ``bytesN`` other than ``bytes32``, nested arrays. Source: EIP-712,
"Definition of hashStruct" and "Definition of domainSeparator".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from protocol.encoding import hex0x, unhex0x
from protocol.errors import Malformed
from protocol.hashing import keccak256

DOMAIN_NAME = "OneFile"
DOMAIN_VERSION = "1"
MAX_TEXT_BYTES = 4096  # of one string member, in UTF-8
MAX_BYTES = 8192  # of one dynamic bytes member
_MAX_JSON_INT = 2**53 - 1
_DOMAIN_FIELDS = "string name,string version,uint256 chainId,address verifyingContract"
_DOMAIN_TYPE_HASH = keccak256(f"EIP712Domain({_DOMAIN_FIELDS})".encode())
_TYPE_STRING = re.compile(r"([A-Za-z][A-Za-z0-9]*)\(((?:[A-Za-z0-9]+(?:\[\])? [A-Za-z0-9]+,?)+)\)")

Value = Any  # what one member holds: bytes, str, int, bool, a tuple of these, or a Typed message
Json = Any


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain of one of our contracts; ``separator`` is the 32-byte domain separator.

    ``prefix``: what stands before hashStruct in every digest of the domain, 0x1901 ‖ separator.
    """

    chain_id: int
    verifying_contract: bytes  # 20 bytes
    separator: bytes = field(init=False, repr=False, compare=False)
    prefix: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _Uint(256).check(self.chain_id, "chainId")
        _Address().check(self.verifying_contract, "verifyingContract")
        separator = self._separator()
        object.__setattr__(self, "separator", separator)
        object.__setattr__(self, "prefix", b"\x19\x01" + separator)

    def _separator(self) -> bytes:
        names = keccak256(DOMAIN_NAME.encode()) + keccak256(DOMAIN_VERSION.encode())
        place = self.chain_id.to_bytes(32, "big") + bytes(12) + self.verifying_contract
        return keccak256(_DOMAIN_TYPE_HASH + names + place)

    def to_json(self) -> dict[str, Json]:
        """The ``domain`` member of eth_signTypedData_v4."""
        return {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": self.chain_id,
            "verifyingContract": hex0x(self.verifying_contract),
        }


def digest(separator: bytes, struct_hash: bytes) -> bytes:
    """The 32 bytes that are signed: keccak256(0x1901 ‖ domain separator ‖ hashStruct(message))."""
    return keccak256(b"\x19\x01" + separator + struct_hash)


class _Member(Protocol):
    """One member type: strict check, 32-byte encoding, and JSON both ways."""

    def check(self, value: Value, what: str) -> None: ...
    def encode(self, value: Value) -> bytes: ...
    def to_json(self, value: Value) -> Json: ...
    def from_json(self, value: Json, _what: str, /) -> Value: ...


def _refuse(what: str, want: str) -> Malformed:
    return Malformed("eip712_value", "{what}: expected {want}", what=what, want=want)


class _AsItIs:
    """JSON of a member that is written as it is; ``check`` judges it when the message is built."""

    __slots__ = ()

    def to_json(self, value: Value) -> Json:
        return value

    def from_json(self, value: Json, _what: str) -> Value:
        return value


@dataclass(frozen=True, slots=True)
class _Uint:
    bits: int

    def check(self, value: Value, what: str) -> None:
        if type(value) is not int or value < 0 or value >> self.bits:
            raise _refuse(what, f"an integer of {self.bits} bits")

    def encode(self, value: Value) -> bytes:
        return int(value).to_bytes(32, "big")

    def to_json(self, value: Value) -> Json:
        return value

    def from_json(self, value: Json, what: str) -> Value:
        # JSON integers end at 2^53-1 (RFC 8785): a larger one has no canonical spelling, so it is refused.
        if type(value) is int and value > _MAX_JSON_INT:
            raise _refuse(what, "an integer up to 2^53-1")
        return value


@dataclass(frozen=True, slots=True)
class _Bool(_AsItIs):
    def check(self, value: Value, what: str) -> None:
        if type(value) is not bool:
            raise _refuse(what, "true or false")

    def encode(self, value: Value) -> bytes:
        return int(value).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class _Bytes32:
    def check(self, value: Value, what: str) -> None:
        if type(value) is not bytes or len(value) != 32:
            raise _refuse(what, "32 bytes")

    def encode(self, value: Value) -> bytes:
        return bytes(value)

    def to_json(self, value: Value) -> Json:
        return hex0x(value)

    def from_json(self, value: Json, what: str) -> Value:
        return unhex0x(value, length=32, what=what)


@dataclass(frozen=True, slots=True)
class _Address:
    def check(self, value: Value, what: str) -> None:
        if type(value) is not bytes or len(value) != 20:
            raise _refuse(what, "20 bytes")

    def encode(self, value: Value) -> bytes:
        return bytes(12) + bytes(value)

    def to_json(self, value: Value) -> Json:
        return hex0x(value)

    def from_json(self, value: Json, what: str) -> Value:
        return unhex0x(value, length=20, what=what)


@dataclass(frozen=True, slots=True)
class _Bytes:
    def check(self, value: Value, what: str) -> None:
        if type(value) is not bytes or len(value) > MAX_BYTES:
            raise _refuse(what, f"at most {MAX_BYTES} bytes")

    def encode(self, value: Value) -> bytes:
        return keccak256(value)

    def to_json(self, value: Value) -> Json:
        return hex0x(value)

    def from_json(self, value: Json, what: str) -> Value:
        return unhex0x(value, what=what)


@dataclass(frozen=True, slots=True)
class _Text(_AsItIs):
    def check(self, value: Value, what: str) -> None:
        if type(value) is not str or len(_utf8(value, what)) > MAX_TEXT_BYTES:
            raise _refuse(what, f"text of at most {MAX_TEXT_BYTES} bytes")

    def encode(self, value: Value) -> bytes:
        return keccak256(value.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class _Array:
    of: _Member

    def check(self, value: Value, what: str) -> None:
        if type(value) is not tuple:
            raise _refuse(what, "a tuple")
        for item in value:
            self.of.check(item, what)

    def encode(self, value: Value) -> bytes:
        return keccak256(b"".join(map(self.of.encode, value)))

    def to_json(self, value: Value) -> Json:
        return [self.of.to_json(item) for item in value]

    def from_json(self, value: Json, what: str) -> Value:
        if not isinstance(value, list):
            raise _refuse(what, "a list")
        return tuple(self.of.from_json(item, what) for item in value)


@dataclass(frozen=True, slots=True)
class _Struct:
    of: type[Typed]

    def check(self, value: Value, what: str) -> None:
        if type(value) is not self.of:
            raise _refuse(what, f"a {self.of.TYPE.name}")

    def encode(self, value: Value) -> bytes:
        return bytes(value.struct_hash())

    def to_json(self, value: Value) -> Json:
        return value.to_json()

    def from_json(self, value: Json, _what: str) -> Value:
        return self.of.from_json(value)


class StructType:
    """A struct type, read from its own type string; ``nested`` are the message classes that it names.

    Raises ``ValueError`` when the declaration itself is wrong: a fault of the program, never of input.
    """

    def __init__(self, type_string: str, *nested: type[Typed]) -> None:
        match = _TYPE_STRING.fullmatch(type_string)
        if match is None:
            raise ValueError(type_string)
        self.name = match[1]
        self.own_string = type_string
        self.nested = tuple(sorted(nested, key=lambda cls: cls.TYPE.name))
        structs = {cls.TYPE.name: cls for cls in nested}
        pairs = [member.split(" ") for member in match[2].split(",")]
        self.types = tuple(kind for kind, _ in pairs)
        self.names = tuple(name for _, name in pairs)  # as in EIP-712 and in JSON
        self.fields = tuple(map(snake, self.names))  # as in the dataclass
        self.members = tuple(_member(kind, structs) for kind in self.types)
        self.type_string = type_string + "".join(cls.TYPE.own_string for cls in self.nested)
        self.type_hash = keccak256(self.type_string.encode())

    def check(self, values: Sequence[Value]) -> None:
        for member, name, value in zip(self.members, self.names, values, strict=True):
            member.check(value, name)

    def struct_hash(self, values: Sequence[Value]) -> bytes:
        """hashStruct of ``values``, which must have passed ``check``."""
        encoded = [m.encode(v) for m, v in zip(self.members, values, strict=True)]
        return keccak256(self.type_hash + b"".join(encoded))

    def definition(self) -> list[dict[str, str]]:
        """The members as eth_signTypedData_v4 declares them."""
        return [{"name": n, "type": t} for n, t in zip(self.names, self.types, strict=True)]


class Typed:
    """Base of every EIP-712 message: a frozen dataclass whose fields stand in the order of ``TYPE``."""

    __slots__ = ()
    TYPE: ClassVar[StructType]

    def __post_init__(self) -> None:
        self.TYPE.check(self.values())

    def values(self) -> tuple[Value, ...]:
        return tuple(getattr(self, name) for name in self.TYPE.fields)

    def struct_hash(self) -> bytes:
        """hashStruct(message), 32 bytes."""
        return self.TYPE.struct_hash(self.values())

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes to sign for ``domain``."""
        return digest(domain.separator, self.struct_hash())

    def to_json(self) -> dict[str, Json]:
        """The message with its EIP-712 names, as eth_signTypedData_v4 takes it."""
        kind = self.TYPE
        parts = zip(kind.members, kind.names, self.values(), strict=True)
        return {name: member.to_json(value) for member, name, value in parts}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The message that ``to_json`` gave: no field missing, none extra; ``Malformed`` otherwise."""
        kind = cls.TYPE
        if not isinstance(value, dict) or set(value) != set(kind.names):
            raise _refuse(kind.name, "an object with exactly the members of " + kind.own_string)
        parts = zip(kind.members, kind.names, strict=True)
        return cls(*(member.from_json(value[name], name) for member, name in parts))


def typed_data(message: Typed, domain: Domain) -> dict[str, Json]:
    """What eth_signTypedData_v4 takes, for signing with programs that are not ours."""
    kind = message.TYPE
    pairs = (part.split(" ") for part in _DOMAIN_FIELDS.split(","))
    types = {"EIP712Domain": [{"name": n, "type": t} for t, n in pairs]}
    for cls in kind.nested:
        types[cls.TYPE.name] = cls.TYPE.definition()
    types[kind.name] = kind.definition()
    return {
        "types": types,
        "primaryType": kind.name,
        "domain": domain.to_json(),
        "message": message.to_json(),
    }


def snake(name: str) -> str:
    """``minIntervalS`` → ``min_interval_s``."""
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise _refuse(what, "text without lone surrogates") from None


def _member(kind: str, structs: dict[str, type[Typed]]) -> _Member:
    if kind.endswith("[]"):
        return _Array(_member(kind[:-2], structs))
    if kind in structs:
        return _Struct(structs[kind])
    if match := re.fullmatch(r"uint(8|16|32|64|128|256)", kind):
        return _Uint(int(match[1]))
    atoms: dict[str, _Member] = {
        "bytes32": _Bytes32(),
        "address": _Address(),
        "bool": _Bool(),
        "bytes": _Bytes(),
        "string": _Text(),
    }
    if kind not in atoms:
        raise ValueError(kind)
    return atoms[kind]
