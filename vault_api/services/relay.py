"""Relay: bring a party's signed message to our own contracts and pay the gas. Nothing else is sent.

What may be sent is the table below: functions of our contracts, each decided by the signature inside the message.
Each caller has so many relays an hour, and openings have a limit of their own for all callers together, so that
nobody drains the relayer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import func, insert, select

from chain.ledger import Ledger, TxRef
from protocol import wire
from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Denied, Malformed, OneFileError
from protocol.fields import Fields
from protocol.guardians import GuardianSet
from protocol.keycard import KeyCard, KeyCardEnvelope
from vault_api.chain_facts import AGENCY, DOSSIER
from vault_api.db import tables as t
from vault_api.http_auth import Signature
from vault_api.sequencer import Tx
from vault_api.vault import Vault
from vault_api.writes import Answer, answered_before, remember_answer, remember_nonce

HOUR_S = 3600
Send = Callable[[Ledger], TxRef]


def relay(vault: Vault, signature: Signature, body: wire.Relay) -> Answer:
    """Check the message's form, count it, send it, and answer with the transaction."""
    send = _prepared(body)
    if body.card is not None:
        signature.verify(_card_of(body).present_key)
    else:
        vault.callers.identify(signature)
    before = vault.sequencer.call(lambda tx: _admit(vault, tx, signature, body))
    if isinstance(before, OneFileError):
        raise before
    if before is not None:
        return before
    # Outside of the transaction: a block takes its time. If the process dies here, the message is on chain or
    # not, and sending it again is refused by the contract (nonce, sequence) or does what was asked.
    # commit point: chain relay (docs/spec/durability.md §2)
    sent = send(vault.ledger)
    _touched(vault, body)
    answer = Answer.of(wire.Relayed(transaction=hex0x(sent.hash), block=sent.block.number))
    vault.sequencer.call(lambda tx: remember_answer(tx, signature, answer))
    return answer


def _admit(vault: Vault, tx: Tx, signature: Signature, body: wire.Relay) -> Answer | OneFileError | None:
    remember_nonce(tx, signature)
    try:
        before = answered_before(tx, signature)
        if before is None:
            tx.attempt(lambda: _count(vault, tx, signature.thumbprint, body.function))
    except OneFileError as error:
        return error
    return before


def _count(vault: Vault, tx: Tx, caller: bytes, function: str) -> None:
    relays, settings = t.relays.c, vault.settings
    recent = select(func.count()).select_from(t.relays).where(relays.at > tx.now - HOUR_S)
    if tx.conn.execute(recent.where(relays.caller == caller)).scalar_one() >= settings.relays_per_hour:
        raise Denied(
            "relay_quota", "at most {limit} relays an hour for one caller", limit=settings.relays_per_hour
        )
    if function == "open":
        opened = tx.conn.execute(recent.where(relays.function == "open")).scalar_one()
        if opened >= settings.opens_per_hour:
            raise Denied(
                "relay_quota", "at most {limit} dossiers are opened an hour", limit=settings.opens_per_hour
            )
    tx.conn.execute(insert(t.relays), {"caller": caller, "function": function, "at": tx.now})


def _prepared(body: wire.Relay) -> Send:
    """The call that the message asks for; everything about its form is checked before anything is counted."""
    prepare = FUNCTIONS.get((body.contract, body.function))
    if prepare is None:
        raise Denied(
            "relay_function",
            "{contract}.{function} is not relayed",
            contract=body.contract,
            function=body.function,
        )
    return prepare(body)


def _open(body: wire.Relay) -> Send:
    owner_signature, card_signature = _signatures(body, 2)
    message, card = OpenDossier.from_json(body.message), _card_of(body).card
    return lambda ledger: ledger.open_dossier(message, owner_signature, card, card_signature)


def _rotate(body: wire.Relay) -> Send:
    (signature,), message = _signatures(body, 1), RotateDossier.from_json(body.message)
    return lambda ledger: ledger.rotate_dossier(message, signature)


def _bump(body: wire.Relay) -> Send:
    (signature,), message = _signatures(body, 1), BumpEpoch.from_json(body.message)
    return lambda ledger: ledger.bump_epoch(message, signature)


def _dossier_card(body: wire.Relay) -> Send:
    (signature,), card = _signatures(body, 1), KeyCard.from_json(body.message)
    return lambda ledger: ledger.publish_dossier_card(card, signature)


def _agency_card(body: wire.Relay) -> Send:
    (signature,), card = _signatures(body, 1), KeyCard.from_json(body.message)
    return lambda ledger: ledger.publish_agency_card(card, signature)


def _set_guardians(body: wire.Relay) -> Send:
    (signature,), message = _signatures(body, 1), SetGuardians.from_json(body.message)
    return lambda ledger: ledger.set_guardians(message, signature)


def _veto(body: wire.Relay) -> Send:
    (signature,), message = _signatures(body, 1), VetoRecovery.from_json(body.message)
    return lambda ledger: ledger.veto_recovery(message, signature)


def _freeze(body: wire.Relay) -> Send:
    (signature,), (told, guardians) = _signatures(body, 1), _revealed(body)
    message = FreezeDossier.from_json(told)
    return lambda ledger: ledger.freeze_dossier(message, guardians, signature)


def _propose(body: wire.Relay) -> Send:
    told, guardians = _revealed(body)
    message, signatures = RecoverDossier.from_json(told), _signatures(body, len(guardians.accounts))
    return lambda ledger: ledger.propose_recovery(message, guardians, signatures)


def _revealed(body: wire.Relay) -> tuple[dict[str, Any], GuardianSet]:
    """The message of guardians, which carries their set beside its own members."""
    told = dict(body.message)
    return told, GuardianSet.take(Fields(told.pop("guardians", None), "guardians"))


def _execute(body: wire.Relay) -> Send:
    _signatures(body, 0)
    (dossier,) = _bytes32s(body.message, "dossier")
    return lambda ledger: ledger.execute_recovery(dossier)


def _apply(body: wire.Relay) -> Send:
    _signatures(body, 0)
    (dossier,) = _bytes32s(body.message, "dossier")
    return lambda ledger: ledger.apply_guardians(dossier)


def _attest(body: wire.Relay) -> Send:
    (signature,), (dossier, digest) = _signatures(body, 1), _bytes32s(body.message, "dossier", "digest")
    return lambda ledger: ledger.attest(dossier, digest, signature)


def _revoke(body: wire.Relay) -> Send:
    _signatures(body, 0)
    (secret,) = _bytes32s(body.message, "secret")
    return lambda ledger: ledger.revoke(secret)


FUNCTIONS: Mapping[tuple[str, str], Callable[[wire.Relay], Send]] = {
    ("dossier_registry", "open"): _open,
    ("dossier_registry", "rotate"): _rotate,
    ("dossier_registry", "publish_card"): _dossier_card,
    ("dossier_registry", "bump_epoch"): _bump,
    ("dossier_registry", "attest"): _attest,
    ("dossier_registry", "set_guardians"): _set_guardians,
    ("dossier_registry", "apply_guardians"): _apply,
    ("dossier_registry", "freeze"): _freeze,
    ("dossier_registry", "propose_recovery"): _propose,
    ("dossier_registry", "veto_recovery"): _veto,
    ("dossier_registry", "execute_recovery"): _execute,
    ("agency_registry", "publish_card"): _agency_card,
    ("grant_registry", "revoke"): _revoke,
}


def _signatures(body: wire.Relay, count: int) -> list[bytes]:
    if len(body.signatures) != count:
        raise Malformed(
            "relay_signatures",
            "{function} takes {want} signatures, got {got}",
            function=body.function,
            want=count,
            got=len(body.signatures),
        )
    return [unhex0x(text, what="signature") for text in body.signatures]


def _card_of(body: wire.Relay) -> KeyCardEnvelope:
    if body.card is None:
        raise Malformed("relay_card", "{function} needs the key card", function=body.function)
    return KeyCardEnvelope.from_json(body.card)


def _bytes32s(message: dict[str, Any], *names: str) -> list[bytes]:
    fields = Fields(message, "message")
    found = [unhex0x(fields.take(name), length=32, what=name) for name in names]
    fields.done()
    return found


def _touched(vault: Vault, body: wire.Relay) -> None:
    """Read anew what the message has changed, without waiting for the follower."""
    message = body.message
    if "dossier" in message:
        vault.facts.forget(DOSSIER, unhex0x(message["dossier"], what="dossier"))
    if body.function == "publish_card":
        subject = unhex0x(message["subject"], what="subject")
        agency = body.contract == "agency_registry"
        vault.facts.forget(AGENCY if agency else DOSSIER, subject[12:] if agency else subject)
