"""What a transaction may cost: the first price, and how it rises while no block takes it (EIP-1559).

What an endpoint says about prices is bounded: a liar must not drain the account. A replacement has to offer an eighth
more of both prices, else pools refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.errors import Unavailable

GWEI = 10**9
MIN_RAISE = (9, 8)  # 12.5 %, which every pool accepts as a replacement
BASE_FEE_ROOM = 2  # how far the base fee may rise before a transaction of ours falls out


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """The caps. Prices are wei per gas; `raise_after_s`: how long a transaction waits before its price rises."""

    max_fee: int = 2_000 * GWEI
    max_tip: int = 10 * GWEI  # of what an endpoint suggests
    max_raises: int = 8  # of one transaction
    raise_after_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Fees:
    """The priority fee and the most that is paid, in wei per gas."""

    tip: int
    fee: int


def suggested(policy: FeePolicy, tip: int, base_fee: int) -> Fees:
    """The price by what an endpoint says; `Unavailable("chain_fee")` above the cap."""
    bounded = min(tip, policy.max_tip)
    fee = BASE_FEE_ROOM * base_fee + bounded
    if fee > policy.max_fee:
        raise Unavailable(
            "chain_fee",
            "a transaction costs up to {fee} wei per gas; we give at most {most}",
            fee=fee,
            most=policy.max_fee,
        )
    return Fees(bounded, fee)


def raised(policy: FeePolicy, old: Fees, now: Fees | None) -> Fees | None:
    """The price that replaces `old`, at least `now` (what is asked today, if known); None above the cap."""
    tip, fee = _more(old.tip), _more(old.fee)
    if now is not None:
        tip, fee = max(tip, now.tip), max(fee, now.fee)
    fee = max(fee, tip)
    return Fees(tip, fee) if fee <= policy.max_fee else None


def _more(price: int) -> int:
    return max(price + 1, -(-price * MIN_RAISE[0] // MIN_RAISE[1]))
