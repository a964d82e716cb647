"""What the contracts refuse, as our errors: one table from a Solidity error's name to fault, code and text.

Both ledgers raise by it. The fields of a text are the error's own arguments in snake_case (times renamed: `TIMES`).
What a contract, or whoever answers for it, put into them is shortened and shown in printable ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied, Fact, Malformed, OneFileError, Unavailable, Untrusted

MAX_TEXT = 80
_PLAIN = re.compile(r"[^\x20-\x7e]")

# Each row is a pattern: `refusal` makes a new error of the same kind, code and text with the facts of the case.
REFUSALS: dict[str, OneFileError] = {
    # Who may, and who is known
    "OwnableUnauthorizedAccount": Denied("not_governor", "{account} is not the governor of the agency registry"),
    "OwnableInvalidOwner": Malformed("governor_invalid", "{owner} cannot be the governor"),
    "GovernorRequired": Denied("governor_required", "the agency registry cannot be left without a governor"),
    "AccountMissing": Malformed("account_zero", "an account of the call is zero"),
    "AgencyExists": Conflict("agency_exists", "{agency} is admitted already"),
    "AgencyUnknown": Denied("agency_unknown", "{agency} is no agency of this registry"),
    "TextInvalid": Malformed("text_length", "a text has {got} bytes; expected 1 to {longest}"),
    # Roles and licence types
    "RoleUnknown": Malformed("role_unknown", "there is no role {role}"),
    "RoleAlreadyHeld": Conflict("role_held", "{agency} holds role {role} already"),
    "RoleNotHeld": Conflict("role_not_held", "{agency} does not hold role {role}"),
    "IssueAlreadyAllowed": Conflict("issue_allowed", "{agency} may issue the type {licence_type} already"),
    "IssueNotAllowed": Conflict("issue_not_allowed", "{agency} may not issue the type {licence_type}"),
    # Key cards
    "CardSubjectInvalid": Untrusted("card_subject", "the key card is not of the party that it is published for"),
    "CardUnknown": Denied("card_unknown", "{agency} has no key card {seq}"),
    "CardSequenceInvalid": Conflict("card_sequence", "the next key card has number {expected}; got {got}"),
    "CardPreviousInvalid": Conflict("card_previous", "the key card follows {got}; the newest one is {expected}"),
    "CardValidFromInvalid": Denied(
        "card_valid_from", "the key card is valid from {got_at}; the registry takes {earliest_at} to {latest_at}"
    ),
    "CardRevokedBelowInvalid": Denied(
        "card_revoked_below", "the key card revokes below {got}; the registry takes {lowest} to {highest}"
    ),
    "CardKeyMissing": Malformed("card_key_zero", "a key of the key card is zero"),
    "CompromiseTimeInvalid": Denied(
        "compromise_time", "a compromise is reported since {got_at}; the registry takes {earliest_at} to {latest_at}"
    ),
    "CompromiseNotEarlier": Conflict(
        "compromise_not_earlier", "a compromise is recorded since {current_at}, and {got_at} is not earlier"
    ),
    # Signed messages
    "SignatureInvalid": Untrusted("message_signature", "nobody who may sign this message signed it"),
    "DeadlinePassed": Denied("message_expired", "the message was good until {until}; the block's time is {at}"),
    "NonceInvalid": Conflict("message_nonce", "the dossier's next message has nonce {expected}; got {got}"),
    "DossierExists": Conflict("dossier_exists", "the dossier is open already"),
    "DossierUnknown": Denied("dossier_unknown", "the registry knows no such dossier"),
    "AlreadyAttested": Conflict("already_attested", "the dossier attested this digest at {at}"),
    "AlreadyNullified": Conflict("already_revoked", "the grant or mandate was revoked at {at}"),
    # Guardians and recovery
    "GuardianTermsInvalid": Malformed(
        "guardian_terms", "a threshold of {threshold} with a delay of {delay} s is not taken"
    ),
    "GuardianSetInvalid": Untrusted("guardian_set", "these accounts and this salt are not the dossier's guardians"),
    "GuardianOrderInvalid": Malformed("guardian_order", "the guardians' accounts do not ascend at {index}"),
    "GuardianUnknown": Denied("guardian_unknown", "{account} is no guardian of this dossier"),
    "GuardianQuorumMissing": Denied("guardian_quorum", "{needed} guardians must sign; {got} did"),
    "FreezeTooSoon": Denied("freeze_too_soon", "the dossier can be frozen again from {from} on; it is {at}"),
    "DossierIsFrozen": Denied("dossier_frozen", "the dossier is frozen until {until}"),
    "ChangeMissing": Conflict("guardian_change_missing", "no change of guardians waits"),
    "RecoveryMissing": Conflict("recovery_missing", "no such recovery is pending"),
    "RecoveryIsPending": Conflict("recovery_pending", "a recovery is pending until {until}"),
    "RecoveryNotVetoable": Denied("recovery_not_vetoable", "all guardians carry this recovery: nobody can veto it"),
    "NotReady": Denied("not_ready", "this waits until {until}; the block's time is {at}"),
    # The log
    "LogExists": Conflict("log_exists", "a log of this name is open already"),
    "LogUnknown": Denied("log_unknown", "the chain knows no such log"),
    "NameInvalid": Malformed("log_name", "a log's name is 1 to 31 of a-z, 0-9 and '-'; got {name}"),
    "EntryLengthInvalid": Malformed("entry_length", "an entry has 1 to 65535 bytes; got {length}"),
    "LogVkeyInvalid": Malformed("log_vkey", "a log's verifier key starts with its origin and '+'; got {log_vkey}"),
    "NotPublisher": Denied("not_publisher", "{caller} is not the publisher of this log"),
    "NotLogOwner": Denied("not_log_owner", "{caller} is not the owner of this log"),
    "NotPendingOwner": Denied("not_pending_owner", "this log was not offered to {caller}"),
    "CheckpointHashMissing": Malformed("checkpoint_hash_zero", "an anchor needs the hash of its checkpoint"),
    "LogIsFrozen": Denied("log_frozen", "the log is frozen"),
    "LogNotFrozen": Conflict("log_not_frozen", "only a frozen log is succeeded"),
    "SizeNotGrown": Conflict("log_size", "the anchored head has size {size}; {new_size} is not more"),
    "GrowthTooLarge": Denied("log_growth", "one anchor adds at most {max_growth} entries: {size} to {new_size}"),
    "AlreadySucceeded": Conflict("log_succeeded", "the log has a successor already"),
    "SuccessorInvalid": Untrusted("log_successor", "the successor's first entry does not commit the frozen head"),
    # Merkle proofs
    "SizesInvalid": Malformed("log_sizes", "no tree of size {second_size} extends one of size {first_size}"),
    "IndexOutsideTree": Malformed("leaf_index", "a tree of size {size} has no entry {index}"),
    "ProofLengthInvalid": Untrusted("log_proof", "the proof has {length} hashes, which fits no trees of these sizes"),
    "FirstRootInvalid": Untrusted("log_proof", "the proof does not lead to the smaller tree's root"),
    "SecondRootInvalid": Untrusted("log_proof", "the proof does not lead to the larger tree's root"),
    "Sha256Unavailable": Unavailable("chain_sha256", "the chain does not compute SHA-256"),
}

# Arguments that are times, by error: under these names a program shows them to a person as date and time.
TIMES: dict[str, dict[str, str]] = {
    "FreezeTooSoon": {"freezable_from": "from", "time": "at"},
    "DossierIsFrozen": {"until": "until"},
    "RecoveryIsPending": {"ready_at": "until"},
    "NotReady": {"ready_at": "until", "time": "at"},
    "DeadlinePassed": {"deadline": "until", "time": "at"},
    "AlreadyAttested": {"time": "at"},
    "AlreadyNullified": {"time": "at"},
    "CardValidFromInvalid": {"earliest": "earliest_at", "latest": "latest_at", "got": "got_at"},
    "CompromiseTimeInvalid": {"earliest": "earliest_at", "latest": "latest_at", "got": "got_at"},
    "CompromiseNotEarlier": {"current": "current_at", "got": "got_at"},
}

# Of OpenZeppelin's own; no call of ours can cause them.
NOT_OURS = frozenset({"InvalidShortString", "StringTooLong", "StringsInsufficientHexLength"})


def refusal(name: str, /, **arguments: bytes | str | int) -> OneFileError:
    """The error for the Solidity error `name` with its arguments (snake_case names)."""
    pattern = REFUSALS.get(name)
    if pattern is None:
        return Denied("contract_refused", "the contract refused: {name}", name=_shown(name))
    return type(pattern)(pattern.code, pattern.template, **_facts(arguments, TIMES.get(name, {})))


def _facts(arguments: Mapping[str, bytes | str | int], times: Mapping[str, str]) -> dict[str, Fact]:
    return {times.get(name, name): _shown(value) for name, value in arguments.items()}


def _shown(value: bytes | str | int) -> Fact:
    if isinstance(value, bytes):
        return hex0x(value)
    return _PLAIN.sub("?", value)[:MAX_TEXT] if isinstance(value, str) else value
