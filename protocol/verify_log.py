"""Whether an entry stands in the log, and whether the log is the one that the chain anchors (docs/spec/verdict.md §4).

*Included* means: in a checkpoint that the log's key signed and that is consistent with the last anchored head. *Final*
means: an anchored head covers it, with enough blocks on top. The time of an entry is the block time of the first
anchored head that covers it: it existed then, whatever time its signer wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocol.entries import Entry, commitment
from protocol.errors import OneFileError, Unavailable, Untrusted
from protocol.facts import Anchor, AnchorFacts, fact_age
from protocol.hashing import same
from protocol.merkle import verify_consistency
from protocol.note import Checkpoint, Vkey, verify_checkpoint
from protocol.tlog_proof import verify_tlog_proof
from protocol.verdict import Check, Policy, Verdict, attempt, conclude, failed, in_order, not_reached, passed

_INCLUSION = ("anchor_inclusion", "log_consistency")
DEFAULT_CONFIRMATIONS = 2  # blocks on top of an anchor that gives rights


@dataclass(frozen=True, slots=True)
class EntryEvidence:
    """One entry's bytes, its tlog-proof, and, where the proof's head is not an anchored one, what ties the two.

    ``consistency``: RFC 9162 proof between the proof's checkpoint and the last anchored head, from the smaller to the
    larger; empty if it is not needed.
    """

    entry: bytes
    proof: bytes
    consistency: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """An entry that is in the log. ``anchor``: the first anchored head that covers it, None before there is one."""

    entry: Entry
    index: int
    checkpoint: Checkpoint
    anchor: Anchor | None

    @property
    def time(self) -> int | None:
        """When it existed at the latest, by the chain."""
        return None if self.anchor is None else self.anchor.time


def verify_entry(evidence: EntryEvidence, anchors: AnchorFacts) -> VerifiedEntry:
    """The entry, if it is in a head of the log that is consistent with the last anchored one.

    Raises ``Malformed``, ``Untrusted`` (proof, signature, ``equivocation``), or ``Unavailable("not_anchored")`` while
    the chain knows no head of the log.
    """
    # (1) The entry's bytes are a leaf of a head that the log's key signed.
    entry = Entry.parse(evidence.entry)
    keys = (Vkey.parse(anchors.vkey), anchors.former)
    index, checkpoint = verify_tlog_proof(evidence.proof, evidence.entry, anchors.origin, *keys)
    # (2) That head is the anchored one, or a smaller or larger one of the same history.
    verify_anchored_history(checkpoint, anchors, evidence.consistency)
    return VerifiedEntry(entry, index, checkpoint, anchors.first_covering(index))


def verify_commitment(entry: Entry, *, t: str, salt: bytes, object_bytes: bytes) -> None:
    """Raise ``Untrusted`` unless the entry is of kind ``t`` and commits to ``object_bytes`` under ``salt``."""
    if entry.t != t:
        raise Untrusted("entry_kind", "expected an entry of kind {want}, got {got}", want=t, got=entry.t)
    if not same(commitment(salt, object_bytes), entry.c):
        raise Untrusted("entry_commitment", "the log's entry commits to another object")


def verify_anchored_history(checkpoint: Checkpoint, anchors: AnchorFacts, proof: Sequence[bytes]) -> None:
    """Raise ``Untrusted`` unless ``checkpoint`` and the last anchored head belong to one history.

    ``equivocation``: one size, two roots; checkpoint and anchor together are proof against the log.
    """
    anchored = anchors.of_size(checkpoint.size)
    if anchored is not None:
        # The contract took every head only with a proof that it extends the one before: no other proof is needed.
        if anchored.root != checkpoint.root:
            raise Untrusted("equivocation", "the log signed two different heads of size {size}", size=checkpoint.size)
        return
    head = anchors.head
    if head is None:
        raise Unavailable("not_anchored", "the chain knows no head of this log yet")
    heads = ((head.size, head.root), (checkpoint.size, checkpoint.root))
    (small, small_root), (large, large_root) = sorted(heads)
    verify_consistency(small, large, small_root, large_root, proof)


def verify_finality(index: int, anchors: AnchorFacts, confirmations: int) -> Anchor:
    """The first anchored head that covers entry ``index`` and has enough blocks on top; else ``Unavailable``."""
    anchor = anchors.first_covering(index)
    if anchor is None:
        raise Unavailable("anchor_pending", "entry {index} is in the log and not yet anchored on chain", index=index)
    if anchor.confirmations < confirmations:
        raise Unavailable(
            "anchor_unconfirmed",
            "the anchor has {got} of {want} confirmations",
            got=anchor.confirmations,
            want=confirmations,
        )
    return anchor


def check_finality(index: int, anchors: AnchorFacts, confirmations: int, now: int) -> Check:
    """``anchor_finality``. Unknown, it is as old as the last head that does not cover the entry, or its anchor."""
    anchor = anchors.first_covering(index) or anchors.head
    age = None if anchor is None else fact_age(now, anchor.time)
    found = attempt("anchor_finality", lambda: verify_finality(index, anchors, confirmations), age=age)
    return passed("anchor_finality", age=fact_age(now, anchors.known_at)) if found.status == "pass" else found


def entry_checks(
    evidence: EntryEvidence, anchors: AnchorFacts, *, now: int, confirmations: int
) -> tuple[VerifiedEntry | None, list[Check]]:
    """The entry if it is in the log, and ``anchor_inclusion``, ``log_consistency``, ``anchor_finality``."""
    age = fact_age(now, anchors.known_at)
    try:
        found = verify_entry(evidence, anchors)
    except OneFileError as error:
        # A proof of inclusion in a head of another history proves nothing, so both checks say what the first said.
        made = [failed(name, error, age=age) for name in _INCLUSION]
        return None, [*made, not_reached("anchor_finality")]
    made = [passed(name, age=age) for name in _INCLUSION]
    return found, [*made, check_finality(found.index, anchors, confirmations, now)]


def judge_entry(
    evidence: EntryEvidence,
    anchors: AnchorFacts,
    policy: Policy,
    *,
    now: int,
    confirmations: int = DEFAULT_CONFIRMATIONS,
) -> Verdict:
    """The checks of one entry's proof: ``format``, ``anchor_inclusion``, ``anchor_finality``, ``log_consistency``."""
    _, made = entry_checks(evidence, anchors, now=now, confirmations=confirmations)
    return conclude(policy, in_order([passed("format"), *made]), now)


def judge_checkpoint(
    raw: bytes, anchors: AnchorFacts, policy: Policy, *, now: int, consistency: Sequence[bytes] = ()
) -> Verdict:
    """The checks of a checkpoint that somebody kept: its form and signature, and that the anchored history holds it.

    ``anchor_inclusion`` says so too, since the window policy does not ask for ``log_consistency``.
    """
    age = fact_age(now, anchors.known_at)
    try:
        checkpoint = verify_checkpoint(raw, anchors.origin, Vkey.parse(anchors.vkey), anchors.former)
    except OneFileError as error:
        made = [failed("format", error), *map(not_reached, _INCLUSION)]
    else:
        tied = attempt("", lambda: verify_anchored_history(checkpoint, anchors, consistency), age=age)
        made = [passed("format"), *(replace(tied, name=name) for name in _INCLUSION)]
    return conclude(policy, in_order(made), now)
