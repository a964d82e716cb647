"""What the ArchiveLog checks, for the in-memory ledger; see `chain.memory_rules`."""

from __future__ import annotations

from collections.abc import Sequence

from chain import events as e
from chain.ledger import MAX_GROWTH
from chain.memory_rules import Happening, Turn, not_zero
from chain.reverts import refusal
from chain.values import LogState
from protocol.encoding import b64u
from protocol.entries import commitment, head_statement, origin, origin_hash
from protocol.errors import Malformed, Untrusted
from protocol.hashing import ZERO32
from protocol.merkle import leaf_hash, verify_consistency, verify_inclusion

MAX_ENTRY = 65_535
MAX_VKEY = 256
_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def open_log(turn: Turn, name: str, entry0: bytes, vkey: str, publisher: bytes) -> list[Happening]:
    if not 1 <= len(name) <= 31 or not set(name) <= _NAME_LETTERS:
        raise refusal("NameInvalid", name=name)
    text = _origin(turn, name)
    if origin_hash(text) in turn.world.logs:
        raise refusal("LogExists", origin=origin_hash(text))
    if not 1 <= len(entry0) <= MAX_ENTRY:
        raise refusal("EntryLengthInvalid", length=len(entry0))
    _vkey(vkey, text)
    not_zero(publisher)
    named, root = origin_hash(text), leaf_hash(entry0)
    return [
        lambda at: e.LogOpened(at, named, name, turn.sender, publisher, vkey, entry0),
        lambda at: e.Anchored(at, named, 1, root, ZERO32),
    ]


def anchor(
    turn: Turn, log: bytes, size: int, root: bytes, checkpoint_hash: bytes, proof: Sequence[bytes]
) -> list[Happening]:
    state = _log(turn, log)
    if turn.sender != state.publisher:
        raise refusal("NotPublisher", origin=log, caller=turn.sender)
    if state.frozen:
        raise refusal("LogIsFrozen", origin=log)
    if size <= state.size:
        raise refusal("SizeNotGrown", size=state.size, new_size=size)
    if size - state.size > MAX_GROWTH:
        raise refusal("GrowthTooLarge", size=state.size, new_size=size, max_growth=MAX_GROWTH)
    if checkpoint_hash == ZERO32:
        raise refusal("CheckpointHashMissing")
    consistent(state.size, size, state.root, root, proof)
    return [lambda at: e.Anchored(at, log, size, root, checkpoint_hash)]


def freeze_log(turn: Turn, log: bytes) -> list[Happening]:
    state = _own_log(turn, log)
    if state.frozen:
        raise refusal("LogIsFrozen", origin=log)
    return [lambda at: e.LogFrozen(at, log, state.size, state.root)]


def succeed_log(turn: Turn, log: bytes, successor: bytes, entry0: bytes, proof: Sequence[bytes]) -> list[Happening]:
    state, next_log = _own_log(turn, log), _own_log(turn, successor)
    if not state.frozen:
        raise refusal("LogNotFrozen", origin=log)
    if state.successor is not None:
        raise refusal("AlreadySucceeded", origin=log, successor=state.successor)
    statement = head_statement(_origin(turn, state.name), state.size, state.root)
    begin = b'{"c":"' + b64u(commitment(ZERO32, statement)).encode() + b'",'
    if not entry0.startswith(begin) or len(entry0) == len(begin):
        raise refusal("SuccessorInvalid", origin=log, successor=successor)
    included(entry0, 0, next_log, proof)
    return [lambda at: e.LogSucceeded(at, log, successor)]


def rotate_log_publisher(turn: Turn, log: bytes, publisher: bytes) -> list[Happening]:
    _own_log(turn, log)
    not_zero(publisher)
    return [lambda at: e.LogPublisherRotated(at, log, publisher)]


def rotate_log_vkey(turn: Turn, log: bytes, vkey: str) -> list[Happening]:
    _vkey(vkey, _origin(turn, _own_log(turn, log).name))
    return [lambda at: e.LogVkeyRotated(at, log, vkey)]


def propose_log_owner(turn: Turn, log: bytes, owner: bytes | None) -> list[Happening]:
    _own_log(turn, log)
    return [lambda at: e.LogOwnerProposed(at, log, owner)]


def accept_log_owner(turn: Turn, log: bytes) -> list[Happening]:
    if turn.sender != _log(turn, log).pending_owner:
        raise refusal("NotPendingOwner", origin=log, caller=turn.sender)
    return [lambda at: e.LogOwnerRotated(at, log, turn.sender)]


def consistent(first: int, second: int, root_first: bytes, root_second: bytes, proof: Sequence[bytes]) -> None:
    """The contract's consistency check."""
    if not 1 <= first <= second:
        raise refusal("SizesInvalid", first_size=first, second_size=second)
    try:
        verify_consistency(first, second, root_first, root_second, proof)
    except (Malformed, Untrusted):
        raise refusal("SecondRootInvalid", expected=root_second) from None


def included(entry: bytes, index: int, log: LogState, proof: Sequence[bytes]) -> None:
    """The contract's inclusion check."""
    if index >= log.size:
        raise refusal("IndexOutsideTree", index=index, size=log.size)
    try:
        verify_inclusion(leaf_hash(entry), index, log.size, proof, log.root)
    except (Malformed, Untrusted):
        raise refusal("SecondRootInvalid", expected=log.root) from None


def _origin(turn: Turn, name: str) -> str:
    return origin(turn.deployment.chain_id, turn.deployment.contracts.archive_log, name)


def _vkey(vkey: str, text: str) -> None:
    if not vkey.startswith(text + "+") or len(text) + 1 >= len(vkey) or len(vkey.encode()) > MAX_VKEY:
        raise refusal("LogVkeyInvalid", log_vkey=vkey)


def _log(turn: Turn, log: bytes) -> LogState:
    state = turn.world.logs.get(log)
    if state is None:
        raise refusal("LogUnknown", origin=log)
    return state


def _own_log(turn: Turn, log: bytes) -> LogState:
    state = _log(turn, log)
    if turn.sender != state.owner:
        raise refusal("NotLogOwner", origin=log, caller=turn.sender)
    return state
