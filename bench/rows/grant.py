"""Row c: a grant verified on one core, beside a bare recovery, eth-account and npm ``ethers``.

verified      one use of a grant that is parsed: its digest for our domain, recovery of the signer and every check
              of a release (protocol.verify_grant), with evidence built anew
hashed        the same, and the struct hash of the message made anew, which is else made once, when it is parsed
parsed        the same from the envelope's bytes
recover       libsecp256k1's public key recovery alone, through coincurve: the floor
eth-account   its digest of the same message as a dictionary and its recovery, without one of our checks
ethers        the same in Node: verifyTypedData, without one of our checks
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from coincurve import PublicKey

from bench.grant_case import HOLDER_ADDRESS, Case
from bench.harness import measure, timed
from bench.node import Node
from bench.profiling import of_call
from bench.results import Outcome, ratio_goal
from protocol.eip712 import typed_data
from protocol.grant import GrantEnvelope
from protocol.verify_grant import verify_grant

GOAL_RECOVER = 0.85
GOAL_ETH_ACCOUNT = 5.0
GOAL_ETHERS = 50.0


def run(*, quick: bool) -> Outcome:
    rounds, round_s = (20, 0.05) if quick else (60, 0.1)
    case = Case()
    ours = candidates(case)
    full = typed_data(case.grant, case.domain)
    with Node() as node:
        assert node.make("verify", for_ethers(full, case.envelope.signature)).lower() == "0x" + HOLDER_ADDRESS.hex()
        timers = {name: timed(call) for name, call in ours.items()} | {"ethers": node.timed("verify")}
        rates = measure(timers, rounds=rounds, round_s=round_s)
    verified = rates["verified"]
    return Outcome(
        unit="verifications a second",
        series=tuple(rates.values()),
        goals=(
            ratio_goal("verified over bare recover", verified, rates["recover"], GOAL_RECOVER),
            ratio_goal("verified over eth-account", verified, rates["eth-account"], GOAL_ETH_ACCOUNT),
            ratio_goal("verified over ethers", verified, rates["ethers"], GOAL_ETHERS),
        ),
        ours=("verified", "hashed", "parsed"),
    )


def candidates(case: Case) -> dict[str, Callable[[], object]]:
    """What is measured in this process; each has been checked to give the right answer."""
    envelope, digest, compact, raw = case.envelope, case.digest, case.compact, case.envelope.raw
    full = typed_data(case.grant, case.domain)

    def hashed() -> object:
        assert case.grant.hash_members() == case.grant.struct_hash()
        return verify_grant(envelope, case.evidence())

    found: dict[str, Callable[[], object]] = {
        "verified": lambda: verify_grant(envelope, case.evidence()),
        "hashed": hashed,
        "parsed": lambda: verify_grant(GrantEnvelope.parse(raw), case.evidence()),
        "recover": lambda: PublicKey.from_signature_and_message(compact, digest, hasher=None),
        "eth-account": lambda: recover_with_eth_account(full, envelope.signature),
    }
    assert all((found["verified"](), found["hashed"](), found["parsed"]()))
    assert str(found["eth-account"]()).lower() == "0x" + HOLDER_ADDRESS.hex()
    return found


def recover_with_eth_account(full: dict[str, object], signature: bytes) -> str:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    return str(Account.recover_message(encode_typed_data(full_message=full), signature=signature))


def profile() -> tuple[str, ...]:
    verified = candidates(Case())["verified"]
    return of_call(lambda: [verified() for _ in range(5_000)])


def for_ethers(full: dict[str, Any], signature: bytes) -> dict[str, Any]:
    """The message as ethers takes it: without the domain's own type, bytes as hex."""
    types = {name: members for name, members in full["types"].items() if name != "EIP712Domain"}
    given = {"domain": full["domain"], "types": types, "message": full["message"], "signature": signature}
    plain: dict[str, Any] = json.loads(json.dumps(given, default=lambda value: "0x" + bytes(value).hex()))
    return plain
