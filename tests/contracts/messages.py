"""The messages of contracts/MESSAGES.md, signed by eth-account: a stranger to our own EIP-712 code.

Type strings are read from MESSAGES.md itself, so that the page, the contracts and these tests cannot drift apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3 import Web3

from tests.contracts.evm import PROJECT, digest_of

ZERO32 = bytes(32)
_STRUCT = re.compile(r"(\w+)\(([^)]*)\)")


def type_strings() -> dict[str, str]:
    """The published type string of each message, by its primary type."""
    text = (PROJECT / "contracts/MESSAGES.md").read_text(encoding="utf-8")
    block = text.split("```")[1].split("```")[0]
    return {line.split("(")[0]: line for line in block.strip().splitlines()}


def types_of(type_string: str) -> dict[str, list[dict[str, str]]]:
    """A type string in the form that eth-account wants."""
    return {
        name: [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in members.split(",")]
        for name, members in _STRUCT.findall(type_string)
    }


@dataclass(frozen=True)
class Card:
    subject: bytes
    valid_from: int
    seq: int = 1
    thumbprint: bytes = digest_of("thumbprint")
    sealing: bytes = digest_of("sealing key")
    revoked_below: int = 0
    previous: bytes = ZERO32

    @property
    def values(self) -> tuple[Any, ...]:
        return (
            *(self.subject, self.seq, self.thumbprint, self.sealing),
            *(self.valid_from, self.revoked_below, self.previous),
        )

    def but(self, **changes: Any) -> Card:
        return replace(self, **changes)


class Signing:
    """Signs messages for one deployment."""

    def __init__(self, chain_id: int, dossiers: str, agencies: str) -> None:
        self.chain_id = chain_id
        self.dossiers = dossiers
        self.agencies = agencies

    def digest(self, contract: str, primary: str, values: tuple[Any, ...], *, chain_id: int | None = None) -> bytes:
        signable = self._signable(contract, primary, values, chain_id or self.chain_id)
        return bytes(Web3.keccak(b"\x19\x01" + signable.header + signable.body))

    def sign(
        self, by: LocalAccount, contract: str, primary: str, values: tuple[Any, ...], *, chain_id: int | None = None
    ) -> bytes:
        signable = self._signable(contract, primary, values, chain_id or self.chain_id)
        return bytes(by.sign_message(signable).signature)

    def _signable(self, contract: str, primary: str, values: tuple[Any, ...], chain_id: int) -> Any:
        types = types_of(type_strings()[primary])
        domain = {"name": "OneFile", "version": "1", "chainId": chain_id, "verifyingContract": contract}
        return encode_typed_data(domain, types, named(types, primary, values))


def named(types: dict[str, list[dict[str, str]]], primary: str, values: tuple[Any, ...]) -> dict[str, Any]:
    """Values in the order of the struct, as the mapping that eth-account wants."""
    out = {}
    for member, value in zip(types[primary], values, strict=True):
        inner = member["type"].removesuffix("[]")
        out[member["name"]] = [named(types, inner, one) for one in value] if inner in types else value
    return out


def sign_digest(by: LocalAccount, digest: bytes) -> bytes:
    """A signature of a bare digest, as an account makes it of any EIP-712 message."""
    return bytes(Account.unsafe_sign_hash(digest, by.key).signature)
