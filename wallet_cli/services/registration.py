"""A dossier's life on chain: opened, its card renewed, its grants ended; all through the vault's relay.

The holder signs, the vault pays the gas. What the vault says is compared with the chain wherever it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chain.ledger import DossierState
from client import deployment as deployments
from client.files import read_json, write_json
from client.session import Session
from protocol import wire
from protocol.dossier_messages import BumpEpoch
from protocol.encoding import b64u, hex0x
from protocol.errors import Conflict, Denied, Untrusted
from protocol.keycard import KeyCard, KeyCardEnvelope, VerifiedKeyCard, next_card, seal_card, verify_key_card
from wallet_cli.services.setup import OPENING_FILE

MESSAGE_LIFETIME_S = 3600
RENEWAL_FILE = "renewal.json"


@dataclass(frozen=True, slots=True)
class DossierView:
    """The dossier at a glance; ``chain`` tells whether the chain confirmed it now."""

    kind: str
    dossier: str
    owner: str
    controller: str
    card_seq: int
    card_hash: str
    grant_epoch: int
    items: int
    events: int
    chain: bool


def open_dossier(session: Session) -> bool:
    """Send the signed opening to chain and vault; whether anything was sent. Harmless to repeat."""
    if session.party.opened:
        return False
    path = session.profile.folder / OPENING_FILE
    if not path.exists():
        raise Denied(
            "opening_missing", "the signed opening is not here any more: make the profile again from the phrase"
        )
    kept = read_json(path)
    card = KeyCardEnvelope.from_json(kept["card"])
    signer = session.keys.present(1)
    request = wire.Relay(
        contract="dossier_registry",
        function="open",
        message=kept["message"],
        signatures=[kept["owner_signature"], hex0x(card.account_signature)],
        card=card.to_json(),
    )
    _unless_done("dossier_exists", lambda: session.api.relay(request, signer))
    tag_key = b64u(session.keys.tag_key.unsafe_bytes)
    opened = wire.OpenDossier(dossier=hex0x(session.party.subject), card=card.to_json(), tag_key=tag_key)
    _unless_done("dossier_exists", lambda: session.api.open_dossier(opened, signer))
    _check_on_chain(session, card)
    session.save_party(session.party.with_changes(opened=True))
    path.unlink()
    return True


def newest_card(session: Session) -> VerifiedKeyCard:
    """Our newest key card: the vault has it whole, the chain has its hash, our keys must be in it."""
    return _newest(session)[1]


def newest_envelope(session: Session) -> KeyCardEnvelope:
    """The same card as it travels."""
    return _newest(session)[0]


def _newest(session: Session) -> tuple[KeyCardEnvelope, VerifiedKeyCard]:
    party = session.party
    envelope = KeyCardEnvelope.from_json(session.public_api.card(party.subject).card)
    domain = deployments.dossier_domain(session.deployment)
    ledger = session.ledger_if_reachable()
    state = None if ledger is None else ledger.dossier(party.subject)
    # Where the chain keeps the card, it does not matter who signed it: accounts change, and cards stay.
    recorded = [] if state is None else [state.card_hash]
    accounts = [party.controller, party.owner]
    card = verify_key_card(envelope, domain, subject=party.subject, accounts=accounts, recorded=recorded)
    if ledger is not None and card.hash not in recorded:
        raise Untrusted("card_not_newest", "the key card that the vault shows is not the newest one on chain")
    if card.thumbprint != session.keys.present(card.card.seq).thumbprint():
        raise Untrusted("card_foreign_keys", "the newest key card holds keys that this profile does not have")
    return envelope, card


def view(session: Session) -> DossierView:
    """Everything about the dossier that stands outside of it."""
    party, me = session.party, session.api.me()
    known = session.store.log_head().head.n
    if me.dossier != hex0x(party.subject):
        raise Untrusted("dossier_other", "the vault answered for another dossier than ours")
    if me.next_n < known:
        raise Untrusted(
            "rolled_back",
            "the vault showed {want} entries of this dossier and now shows {got}",
            want=known,
            got=me.next_n,
        )
    card = newest_card(session)
    ledger = session.ledger_if_reachable()
    state = ledger.dossier(party.subject) if ledger is not None else None
    return DossierView(
        kind=party.kind,
        dossier=hex0x(party.subject),
        owner=hex0x(state.owner if state else party.owner),
        controller=hex0x(state.controller if state else party.controller),
        card_seq=card.card.seq,
        card_hash=hex0x(card.hash),
        grant_epoch=state.grant_epoch if state else me.grant_epoch,
        items=me.items,
        events=me.next_n,
        chain=state is not None,
    )


def require_controller(session: Session) -> None:
    """``Denied("device_reads_only")`` on a device that reads and shows: it has no account that may sign."""
    if session.keys.hot.address != session.party.controller:
        raise Denied("device_reads_only", "this device reads and shows; only the one with the controller's key signs")


def renew_card(session: Session, *, revoke_older: bool) -> VerifiedKeyCard:
    """Publish the next key card with new keys; ``revoke_older`` ends the binding of older credentials.

    The signed card is kept until chain and vault have it: what broke off in between is finished first.
    """
    require_controller(session)
    kept = _kept_renewal(session)
    if kept is not None:
        finished = _finish_renewal(session, kept)
        if finished.card.revoked_below == finished.card.seq or not revoke_older:
            return finished
    before = newest_card(session)
    seq, now = before.card.seq + 1, session.clock.now()
    domain = deployments.dossier_domain(session.deployment)
    present, sealing = session.keys.present(seq), session.keys.sealing(seq).recipient().public
    card = next_card(
        before.card,
        domain,
        present.public_jwk(),
        sealing,
        valid_from=now,
        revoked_below=seq if revoke_older else None,
    )
    envelope = seal_card(card, domain, present, sealing, session.keys.hot.sign_digest(card.digest(domain)))
    session.ledger.head()  # nothing is sent that the chain could not confirm
    return bring_card(session, envelope)


def bring_card(session: Session, envelope: KeyCardEnvelope) -> VerifiedKeyCard:
    """Publish a signed card whose keys this profile has, and give the vault its copy."""
    write_json(session.profile.folder / RENEWAL_FILE, {"v": 1, "card": envelope.to_json()})
    _relay_card(session, envelope.card, envelope)
    return _finish_renewal(session, envelope)


def finish_kept(session: Session) -> VerifiedKeyCard | None:
    """Give the vault its copy of a card that is on chain already; None if nothing was broken off."""
    kept = _kept_renewal(session)
    return None if kept is None else _finish_renewal(session, kept)


def take_up_renewal(session: Session) -> None:
    """Use a card that was published while this device did not hear of it: its former key is refused by then."""
    kept = _kept_renewal(session)
    if kept is not None:
        _finish_renewal(session, kept)


def _kept_renewal(session: Session) -> KeyCardEnvelope | None:
    """A card that was signed and perhaps published, while this device did not hear of it; None if the chain never saw
    it."""
    path = session.profile.folder / RENEWAL_FILE
    if not path.exists():
        return None
    envelope = KeyCardEnvelope.from_json(read_json(path).get("card"))
    state = session.ledger.dossier(session.party.subject)
    if state is not None and state.card_hash == envelope.card.digest(deployments.dossier_domain(session.deployment)):
        return envelope
    path.unlink()
    return None


def _finish_renewal(session: Session, envelope: KeyCardEnvelope) -> VerifiedKeyCard:
    """Give the vault its copy of a card that the chain has, and use its keys from now on."""
    party, seq, domain = session.party, envelope.card.seq, deployments.dossier_domain(session.deployment)
    digest = envelope.card.digest(domain)
    _shown_on_chain(session, lambda state: state.card_hash == digest)
    copy = wire.Card(card=envelope.to_json())
    _unless_done("card_exists", lambda: session.api.put_card(copy, session.keys.present(seq)))
    session.save_party(party.with_changes(card_seq=seq))
    (session.profile.folder / RENEWAL_FILE).unlink(missing_ok=True)
    return verify_key_card(envelope, domain, subject=party.subject, accounts=[party.controller])


def end_all_grants(session: Session) -> int:
    """Raise the grant epoch: every grant and mandate of the dossier ends. Returns the new epoch."""
    require_controller(session)
    state = session.ledger.dossier(session.party.subject)
    if state is None:
        raise Denied("dossier_unknown", "the registry knows no such dossier")
    domain = deployments.dossier_domain(session.deployment)
    message = BumpEpoch(session.party.subject, state.nonce, session.clock.now() + MESSAGE_LIFETIME_S)
    request = wire.Relay(
        contract="dossier_registry",
        function="bump_epoch",
        message=message.to_json(),
        signatures=[hex0x(session.keys.hot.sign_digest(message.digest(domain)))],
    )
    session.api.relay(request)
    epoch = state.grant_epoch + 1
    _shown_on_chain(session, lambda now: now.grant_epoch >= epoch)
    return epoch


def adopt_newest_card(session: Session) -> int:
    """After a restore: find the sequence of the newest card and use its keys. Returns the sequence."""
    card = newest_card(session)
    session.save_party(session.party.with_changes(card_seq=card.card.seq, opened=True))
    return card.card.seq


def _relay_card(session: Session, card: KeyCard, envelope: KeyCardEnvelope) -> None:
    request = wire.Relay(
        contract="dossier_registry",
        function="publish_card",
        message=card.to_json(),
        signatures=[hex0x(envelope.account_signature)],
        card=envelope.to_json(),
    )
    session.api.relay(request, session.keys.present(card.seq))


def _check_on_chain(session: Session, card: KeyCardEnvelope) -> None:
    """The vault said that it is done: the chain must say so too, if it answers."""
    ledger = session.ledger_if_reachable()
    if ledger is None:
        return
    state = ledger.dossier(session.party.subject)
    domain = deployments.dossier_domain(session.deployment)
    ours = (session.party.owner, session.party.controller, card.card.digest(domain))
    if state is None or (state.owner, state.controller, state.card_hash) != ours:
        raise Untrusted("opening_differs", "the chain does not show the dossier as it was signed")


def _shown_on_chain(session: Session, holds: Callable[[DossierState], bool]) -> None:
    """A relay answers once the message is in a block: the chain must show it, whatever the vault said."""
    state = session.ledger.dossier(session.party.subject)
    if state is None or not holds(state):
        raise Untrusted(
            "relay_false", "the vault says that it brought the message to the chain, which does not show it"
        )


def _unless_done(code: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Conflict as error:
        if error.code != code:
            raise
