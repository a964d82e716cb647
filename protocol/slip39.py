"""SLIP-39 shares of a root: k of n sets of 33 words, any k of which give the root back, and fewer nothing.

The splitting itself is the reference implementation's (PyPI ``shamir-mnemonic``; docs/adr/0019). One group, no
passphrase, the lowest iteration exponent, extendable: the secret is 32 random bytes, which no passphrase makes better,
and a higher exponent would let who answers choose how long the other side computes. A share says its own index and
threshold, and which split it belongs to.

Left out: groups, passphrases, and secrets of another length than a root's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.errors import Malformed, Untrusted
from protocol.guardians import MAX_GUARDIANS
from protocol.keys import Root

MIN_THRESHOLD = 2  # one share alone would be the root
WORDS = 33
MAX_WORDS_CHARS = 400
_ROOT_BYTES = 32


@dataclass(frozen=True, slots=True)
class ShareWords:
    """What a share's words say of themselves; ``split`` is equal in all shares of one split."""

    split: int
    index: int
    threshold: int


def split_root(root: Root, threshold: int, count: int) -> list[str]:
    """``count`` shares, of which any ``threshold`` give ``root`` back."""
    from shamir_mnemonic import generate_mnemonics

    if not MIN_THRESHOLD <= threshold <= count <= MAX_GUARDIANS:
        raise Malformed(
            "share_threshold",
            "{threshold} of {count} shares cannot be: expected {least} to {most}, and not more than there are",
            threshold=threshold,
            count=count,
            least=MIN_THRESHOLD,
            most=MAX_GUARDIANS,
        )
    (shares,) = generate_mnemonics(1, [(threshold, count)], root.unsafe_bytes, iteration_exponent=0)
    return list(shares)


def read_words(words: str) -> ShareWords:
    """Check the words of one share; ``Malformed`` if they are none of ours. The message names no word."""
    from shamir_mnemonic import MnemonicError, Share

    if len(words) > MAX_WORDS_CHARS or len(words.split(" ")) != WORDS:
        raise _malformed()
    try:
        share = Share.from_mnemonic(words)
    except (MnemonicError, ValueError):
        raise _malformed() from None
    one_group = (share.group_index, share.group_threshold, share.group_count) == (0, 1, 1)
    plain = share.extendable and share.iteration_exponent == 0
    if not (one_group and plain) or share.member_threshold < MIN_THRESHOLD or share.mnemonic() != words:
        raise _malformed()
    return ShareWords(share.identifier, share.index, share.member_threshold)


def combine(shares: Sequence[str]) -> Root:
    """The root behind at least as many shares of one split as its threshold says; more are no harm.

    ``Malformed`` for words that are no share, ``Untrusted("shares_mixed")`` for shares of different splits or the
    same one twice with other words, ``Untrusted("shares_few")`` for too few of them.
    """
    from shamir_mnemonic import MnemonicError, combine_mnemonics

    read = {words: read_words(words) for words in shares}
    if len({(found.split, found.threshold) for found in read.values()}) != 1:
        raise Untrusted("shares_mixed", "the shares do not belong together")
    by_index = {found.index: words for words, found in read.items()}
    threshold = next(iter(read.values())).threshold
    if len(by_index) != len(read):
        raise Untrusted("shares_mixed", "the shares do not belong together")
    if len(by_index) < threshold:
        raise Untrusted("shares_few", "{got} different shares; {want} are needed", got=len(by_index), want=threshold)
    chosen = [by_index[index] for index in sorted(by_index)][:threshold]
    try:
        secret = combine_mnemonics(chosen)
    except MnemonicError:
        raise Untrusted("shares_mixed", "the shares do not belong together") from None
    if len(secret) != _ROOT_BYTES:
        raise _malformed()
    return Root(secret)


def _malformed() -> Malformed:
    return Malformed("share_words", "these are not the words of a share of a root")
