"""``python -m bench.quick``: grant verifications a second on one core, against two strangers in the same run.

    verified      one use of a grant that is parsed: its digest for our domain, recovery of the signer and every check
                  of a release (protocol.verify_grant), with evidence built anew
    hashed        the same, and the struct hash of the message made anew, which is else made once, when it is parsed
    parsed        the same from the envelope's bytes
    recover       libsecp256k1's public key recovery alone, through coincurve: the floor
    eth-account   its digest of the same message as a dictionary and its recovery, without one of our checks

Goals: verified ≥ 0.85 of recover, and ≥ 5 times eth-account. Prints a table, then one line of JSON that says whether
they were met; it fails on a wrong answer, never on a slow one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from coincurve import PublicKey

from bench.grant_case import HOLDER_ADDRESS, Case
from bench.harness import Series, measure, timed
from protocol.eip712 import typed_data
from protocol.grant import GrantEnvelope
from protocol.signatures import recover
from protocol.verify_grant import verify_grant

ROUNDS = 40
ROUND_S = 0.05
GOAL_RECOVER = 0.85
GOAL_ETH_ACCOUNT = 5.0


def candidates() -> dict[str, Callable[[], object]]:
    """What is measured; each has been checked to give the right answer."""
    case = Case()
    envelope, digest, compact, raw = case.envelope, case.digest, case.compact, case.envelope.raw
    full = typed_data(case.grant, case.domain)
    signature = envelope.signature

    def verified() -> object:
        return verify_grant(envelope, case.evidence())

    def parsed() -> object:
        return verify_grant(GrantEnvelope.parse(raw), case.evidence())

    def bare() -> object:
        return PublicKey.from_signature_and_message(compact, digest, hasher=None)

    def eth_account() -> object:
        return recover_with_eth_account(full, signature)

    def hashed() -> object:
        assert case.grant.hash_members() == case.grant.struct_hash()
        return verify_grant(envelope, case.evidence())

    assert all((verified(), hashed(), parsed()))
    assert str(eth_account()).lower() == "0x" + HOLDER_ADDRESS.hex()
    return {
        "verified": verified,
        "hashed": hashed,
        "parsed": parsed,
        "recover": bare,
        "eth-account": eth_account,
        "struct hash": case.grant.hash_members,
        "address": lambda: recover(digest, signature),
    }


def recover_with_eth_account(full: dict[str, object], signature: bytes) -> str:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    return str(Account.recover_message(encode_typed_data(full_message=full), signature=signature))


def main() -> int:
    rates = measure({name: timed(call) for name, call in candidates().items()}, rounds=ROUNDS, round_s=ROUND_S)
    ours, floor, eth = rates["verified"], rates["recover"], rates["eth-account"]
    print("grant verification, one core, calls a second (median; quartiles)")
    for found in rates.values():
        print(row(found, floor))
    figures = {"to_recover": round(ours.ratio_to(floor), 3), "to_eth_account": round(ours.ratio_to(eth), 2)}
    met = figures["to_recover"] >= GOAL_RECOVER and figures["to_eth_account"] >= GOAL_ETH_ACCOUNT
    print(f"verified: {figures['to_recover']:.2f} of recover (goal {GOAL_RECOVER}), ", end="")
    print(f"{figures['to_eth_account']:.1f} times eth-account (goal {GOAL_ETH_ACCOUNT:.0f})")
    medians = {name: round(found.median) for name, found in rates.items()}
    print(json.dumps({"per_second": medians, **figures, "goals_met": met}))
    return 0


def row(found: Series, floor: Series) -> str:
    low, high = found.spread
    spread = f"{low:>9,.0f} to {high:>9,.0f}"
    return f"  {found.name:<12} {found.median:>9,.0f}  {spread}   {found.ratio_to(floor):>6.2f} of recover"


if __name__ == "__main__":
    sys.exit(main())
