"""The holder's side of guardians: who they are, their shares, changes after a delay, and the veto.

Owner's messages are signed by the cold key, made from the phrase for this one signature. What this device remembers
of its guardians (``guardians.json``) is their names and the salt that hides them on chain: no share, no key. Whoever
loses it names guardians anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.guardians import GuardianState
from client import deployment as deployments
from client.files import read_bounded, read_json, write_json
from client.session import Session
from protocol import wire, wire_shares
from protocol.dossier_messages import SetGuardians, VetoRecovery
from protocol.eip712 import Typed
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.fields import Fields
from protocol.guardians import MAX_GUARDIANS, GuardianSet
from protocol.hashing import ZERO32
from protocol.jose import EcSigner
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard, verify_key_card
from protocol.keys import AccountKey, Mnemonic, cold_account
from protocol.recipients import HybridRecipient
from protocol.recovery import Share, seal_share
from protocol.slip39 import split_root
from wallet_cli.services.registration import MESSAGE_LIFETIME_S

GUARDIANS_FILE = "guardians.json"
SHARED_FILE = "shared.json"  # the first key card of the root whose shares were handed out last
LOCAL_CHAIN = 31337
DEFAULT_DELAY_S = 7 * 86_400
MIN_DELAY_S = 86_400  # less time than this to notice a false recovery is taken on a local chain alone
MAX_CARD_FILE = 64 << 10


@dataclass(frozen=True, slots=True)
class Guardian:
    """A guardian as the registry and the guardian's own key card show it."""

    dossier: bytes
    account: bytes
    card: VerifiedKeyCard


@dataclass(frozen=True, slots=True)
class Plan:
    """Guardians that the owner means to name. ``dossiers`` in no order; ``guardians`` by account."""

    guardians: GuardianSet
    dossiers: tuple[bytes, ...]
    threshold: int
    delay_s: int

    def to_json(self) -> dict[str, Any]:
        return {
            "guardians": self.guardians.to_json(),
            "dossiers": [hex0x(dossier) for dossier in self.dossiers],
            "threshold": self.threshold,
            "delay_s": self.delay_s,
        }

    @classmethod
    def take(cls, fields: Fields) -> Plan:
        """Read ``to_json``; ``Malformed`` on anything else."""
        dossiers = fields.array("dossiers", most=MAX_GUARDIANS, least=1)
        plan = cls(
            GuardianSet.take(fields.object("guardians")),
            tuple(unhex0x(dossier, length=32, what="guardian") for dossier in dossiers),
            fields.uint("threshold", most=MAX_GUARDIANS),
            fields.uint("delay_s"),
        )
        fields.done()
        return plan


def look_up(session: Session, name: str) -> Guardian:
    """The guardian of a dossier id, or of an exported key card file; accounts and card as the registry has them."""
    path = Path(name)
    if path.is_file():
        envelope = KeyCardEnvelope.parse(read_bounded(path, limit=MAX_CARD_FILE).strip())
        dossier = envelope.card.subject
    else:
        dossier = unhex0x(name, length=32, what="guardian")
        envelope = KeyCardEnvelope.from_json(session.public_api.card(dossier).card)
    state = session.ledger.dossier(dossier)
    if state is None:
        raise Denied("dossier_unknown", "the registry knows no such dossier")
    domain = deployments.dossier_domain(session.deployment)
    card = verify_key_card(envelope, domain, subject=dossier, recorded=[state.card_hash])
    return Guardian(dossier, state.controller, card)


def plan(session: Session, names: Sequence[str], threshold: int, delay_s: int) -> tuple[Plan, list[Guardian]]:
    """What would be signed for these guardians; nothing is changed."""
    found = [look_up(session, name) for name in names]
    if delay_s < MIN_DELAY_S and session.deployment.chain_id != LOCAL_CHAIN:
        raise Denied("delay_short", "a delay under a day leaves no time for a veto; it is taken on a local chain alone")
    if len({guardian.account for guardian in found}) != len(found) or session.party.subject in {
        guardian.dossier for guardian in found
    }:
        raise Malformed("guardian_twice", "each guardian is named once, and nobody guards himself")
    if not 2 <= threshold <= len(found) <= MAX_GUARDIANS:
        raise Malformed(
            "guardian_threshold",
            "{threshold} of {count} guardians cannot be: at least 2 must agree, of at most {most}",
            threshold=threshold,
            count=len(found),
            most=MAX_GUARDIANS,
        )
    chosen = GuardianSet.of(secrets.token_bytes(32), [guardian.account for guardian in found])
    return Plan(chosen, tuple(guardian.dossier for guardian in found), threshold, delay_s), found


def name(session: Session, planned: Plan, phrase: str, *, anew: bool) -> GuardianState:
    """Have the owner sign for these guardians. The first set counts at once and is given its shares.

    ``anew``: there are guardians already, so that the change waits for their delay (``apply``).
    """
    state = guardian_state(session)
    if state.terms.none == anew:
        raise _not_so(none=state.terms.none)
    cold = owner_key(session, phrase)
    _set(session, cold, planned.guardians.hash, planned.threshold, planned.delay_s)
    _remember(session, **({"next": planned} if anew else {"now": planned}))
    after = guardian_state(session)
    if not anew:
        share(session)
    return after


def remove(session: Session, phrase: str) -> GuardianState:
    """Have the owner sign that there shall be no guardians; counts after the delay."""
    if guardian_state(session).terms.none:
        raise _not_so(none=True)
    _set(session, owner_key(session, phrase), ZERO32, 0, 0)
    _remember(session, next=None)
    return guardian_state(session)


def apply(session: Session) -> GuardianState:
    """Put a change into effect whose delay is over, and give the new guardians their shares."""
    relay(session, "apply_guardians", {"dossier": hex0x(session.party.subject)})
    after, waiting = guardian_state(session), _kept(session)["next"]
    if after.terms.none:
        session.api.post_shares([])
        (session.profile.folder / GUARDIANS_FILE).unlink(missing_ok=True)
    elif waiting is not None and waiting.guardians.hash == after.terms.set_hash:
        _remember(session, now=waiting, next=None)
        share(session)
    return after


def share(session: Session) -> int:
    """Split the newest root among the guardians that count now; how many shares were sealed and posted."""
    known = named(session)
    if known is None or known.guardians.hash != guardian_state(session).terms.set_hash:
        raise Denied("guardians_not_here", "this device does not know who the guardians are: name them anew")
    found = [look_up(session, hex0x(dossier)) for dossier in known.dossiers]
    words = split_root(session.keys.root, known.threshold, len(found))
    begins, rows = session.keys.roots[-1].seq, []
    for guardian, said in zip(found, words, strict=True):
        made = Share(session.party.subject, begins, known.guardians, said)
        sealed = seal_share(made, HybridRecipient(guardian.card.sealing_key))
        rows.append(wire_shares.PostShare(guardian=hex0x(guardian.dossier), share=b64u(sealed)))
    kept = session.api.post_shares(rows)
    write_json(session.profile.folder / SHARED_FILE, {"v": 1, "card": begins})
    return kept


def shares_current(session: Session) -> bool:
    """Whether the shares that this device handed out are of the newest root."""
    path = session.profile.folder / SHARED_FILE
    return path.exists() and read_json(path).get("card") == session.keys.roots[-1].seq


def veto(session: Session, phrase: str) -> GuardianState:
    """End the pending recovery, signed by the owner."""
    state = guardian_state(session)
    if state.pending is None:
        raise Conflict("recovery_missing", "no recovery is pending")
    cold = owner_key(session, phrase)
    message = VetoRecovery(session.party.subject, state.recoveries - 1, _nonce(session), _deadline(session))
    relay(session, "veto_recovery", message.to_json(), sign(session, cold, message))
    after = guardian_state(session)
    if after.pending is not None:
        raise _false()
    return after


def guardian_state(session: Session, dossier: bytes | None = None) -> GuardianState:
    """What the registry says of a dossier's guardians (None: our own)."""
    state = session.ledger.guardians(dossier or session.party.subject)
    if state is None:
        raise Denied("dossier_unknown", "the registry knows no such dossier")
    return state


def named(session: Session) -> Plan | None:
    """The guardians as this device remembers them; None if it does not."""
    return _kept(session)["now"]


def owner_key(session: Session, phrase: str) -> AccountKey:
    """The cold key behind the phrase; ``Denied("phrase_other")`` unless it owns the dossier on chain."""
    party = session.party
    found = Mnemonic(phrase, party.language)
    cold = cold_account(found.unsafe_phrase, found.language, party.index)
    state = session.ledger.dossier(party.subject)
    if state is None or state.owner != cold.address:
        raise Denied("phrase_other", "this recovery phrase is whole, and belongs to another wallet")
    return cold


def sign(session: Session, key: AccountKey, message: Typed) -> bytes:
    """The key's EIP-712 signature of a message to the DossierRegistry."""
    return key.sign_digest(message.digest(deployments.dossier_domain(session.deployment)))


def relay(
    session: Session,
    function: str,
    message: dict[str, Any],
    *signatures: bytes,
    card: KeyCardEnvelope | None = None,
    signer: EcSigner | None = None,
) -> None:
    """Bring a message to the DossierRegistry through the vault; ``card`` and ``signer`` from who has none there."""
    request = wire.Relay.model_validate(
        {
            "contract": "dossier_registry",
            "function": function,
            "message": message,
            "signatures": [hex0x(signature) for signature in signatures],
            "card": None if card is None else card.to_json(),
        }
    )
    (session.api if card is None else session.public_api).relay(request, signer)


def _set(session: Session, cold: AccountKey, set_hash: bytes, threshold: int, delay_s: int) -> None:
    dossier = session.party.subject
    message = SetGuardians(dossier, set_hash, threshold, delay_s, _nonce(session), _deadline(session))
    relay(session, "set_guardians", message.to_json(), sign(session, cold, message))
    after = guardian_state(session)
    asked = (set_hash, threshold, delay_s)
    waiting = after.change.terms if after.change is not None else after.terms
    if (waiting.set_hash, waiting.threshold, waiting.delay_s) != asked:
        raise _false()


def _nonce(session: Session) -> int:
    state = session.ledger.dossier(session.party.subject)
    return 0 if state is None else state.nonce


def _deadline(session: Session) -> int:
    return session.clock.now() + MESSAGE_LIFETIME_S


def _kept(session: Session) -> dict[str, Plan | None]:
    path = session.profile.folder / GUARDIANS_FILE
    if not path.exists():
        return {"now": None, "next": None}
    fields = Fields(read_json(path), "guardians")
    fields.uint("v", least=1, most=1)
    found = {part: None if fields.is_null(part) else Plan.take(fields.object(part)) for part in ("now", "next")}
    fields.done()
    return found


def _remember(session: Session, **changed: Plan | None) -> None:
    parts = {**_kept(session), **changed}
    told = {part: None if plan is None else plan.to_json() for part, plan in parts.items()}
    write_json(session.profile.folder / GUARDIANS_FILE, {"v": 1, **told})


def _not_so(*, none: bool) -> Conflict:
    if none:
        return Conflict("guardians_missing", "the dossier has no guardians yet: name them first")
    return Conflict("guardians_exist", "the dossier has guardians already: change them")


def _false() -> Untrusted:
    return Untrusted("relay_false", "the vault says that it brought the message to the chain, which does not show it")
