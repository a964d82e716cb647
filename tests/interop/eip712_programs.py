"""What strangers make of our EIP-712 messages: eth-sig-util and ethers in node, Foundry's cast."""

from __future__ import annotations

import json
from typing import Any

from eth_utils import to_checksum_address

from protocol.eip712 import Domain, Typed, typed_data
from protocol.encoding import hex0x, unhex0x
from tests.grant_samples import Account
from tests.interop.programs import cast, node


def metamask(lines: list[tuple[Typed, Domain, Account]]) -> list[dict[str, Any]]:
    """What eth-sig-util and ethers make of messages, and of our signatures of them."""
    jobs = [
        {
            "data": typed_data(message, domain),
            "key": signer.key.secret.hex(),
            "signature": hex0x(signer.sign(message.digest(domain))),
        }
        for message, domain, signer in lines
    ]
    script = "eip712_strangers.cjs"
    out = node(script, stdin="\n".join(map(json.dumps, jobs)).encode(), package="@metamask/eth-sig-util")
    return [json.loads(line) for line in out.splitlines()]


def recovered(message: Typed, domain: Domain, signature: bytes) -> str:
    """Who signed a message, by eth-sig-util; ethers must say the same."""
    job = {"data": typed_data(message, domain), "key": "11" * 32, "signature": hex0x(signature)}
    found = json.loads(node("eip712_strangers.cjs", stdin=json.dumps(job).encode(), package="@metamask/eth-sig-util"))
    assert found["metamask"]["signer"] == found["ethers"]["signer"]
    return str(found["metamask"]["signer"])


def cast_sign(message: Typed, domain: Domain, signer: Account) -> bytes:
    """cast's signature of a message, from the JSON that a wallet takes."""
    data = json.dumps(typed_data(message, domain))
    return unhex0x(cast("wallet", "sign", "--data", data, "--private-key", hex0x(signer.key.secret)))


def struct(message: Typed) -> tuple[Any, ...]:
    """A message as web3 takes a struct."""
    return tuple(map(_member, message.values()))


def _member(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_member(one) for one in value]
    if isinstance(value, Typed):
        return struct(value)
    return to_checksum_address(value) if isinstance(value, bytes) and len(value) == 20 else value


def abi_tuple(cls: type[Typed]) -> str:
    """A message's type as the ABI writes it: ``(bytes32,uint64,…)``."""
    structs = {nested.TYPE.name: abi_tuple(nested) for nested in cls.TYPE.nested}
    parts = [kind.partition("[") for kind in cls.TYPE.types]
    return "(" + ",".join(structs.get(name, name) + mark + rest for name, mark, rest in parts) + ")"


def cast_value(value: Any) -> str:
    """A value as cast reads it on its command line."""
    if isinstance(value, Typed):
        return "(" + ",".join(map(cast_value, value.values())) + ")"
    if isinstance(value, tuple):
        return "[" + ",".join(map(cast_value, value)) + "]"
    return hex0x(value) if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False)
