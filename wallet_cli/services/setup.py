"""From a phrase to a profile: keys, accounts, dossier id, and the messages that open the dossier.

The phrase and the cold key live only while the profile is made. What the owner must sign to open the dossier
is signed at once and kept as ``opening.json`` (signatures, no secret), so that an opening that the network cut
off can be sent again within a day without the phrase.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from chain.deployment import Deployment
from client import deployment as deployments
from client.files import write_json, write_private
from client.keystore import Keys, write_keys
from client.profile import Kind, Party
from client.session import Session
from protocol.dossier_messages import OpenDossier
from protocol.encoding import hex0x
from protocol.errors import Conflict, Malformed
from protocol.hashing import sha256
from protocol.identifiers import dossier_id
from protocol.keycard import KeyCardEnvelope, first_card, seal_card
from protocol.keyring import KeyRing, RingMember, RingRoot, member_identity, open_ring, seal_ring
from protocol.keys import (
    AccountKey,
    Mnemonic,
    Root,
    cold_account,
    derive_revoke_key,
    derive_sealing,
    derive_tag_key,
    hot_account,
    member_root,
    person_root,
    random_root,
)
from protocol.recipients import HybridIdentity, Passphrase
from wallet_cli.services import rings

OPENING_LIFETIME_S = 86_400
OPENING_FILE = "opening.json"


@dataclass(frozen=True, slots=True)
class Fresh:
    """A holder that was just made; ``ring`` is the key ring file of an enterprise, None for a person. ``paper``: the
    public half of the phrase's membership in key rings."""

    keys: Keys
    cold: AccountKey
    party: Party
    paper: RingMember
    ring: bytes | None = None


def opening_salt(owner: bytes) -> bytes:
    """The salt of a holder's dossier: it follows from the owner, so that the phrase alone finds the dossier."""
    return sha256(b"onefile/dossier-salt/v1", owner)


def make(
    phrase: Mnemonic,
    *,
    kind: Kind,
    index: int,
    record: Deployment,
    vault_url: str,
    ring: bytes | None = None,
) -> Fresh:
    """The holder behind ``phrase``. An enterprise's root is random; ``ring`` brings an existing one back."""
    words, language = phrase.unsafe_phrase, phrase.language
    person = person_root(words, language, index)
    hot, cold = hot_account(words, language, index), cold_account(words, language, index)
    registry = record.contracts.dossier_registry
    salt = opening_salt(cold.address)
    subject = dossier_id(record.chain_id, registry, cold.address, salt)
    secret, ring_file = member_root(words, language, index), None
    keys = Keys.first(kind, person, hot)
    if kind == "enterprise":
        shared, ring_file = _enterprise_ring([derive_sealing(person, 1), member_identity(secret)], subject, ring)
        keys = Keys(kind, shared.roots, hot, shared.tag_key, shared.revoke_key)
        subject = shared.dossier  # after a recovery or a change of the owner it is not the one that this phrase opens
    elif ring is not None:
        raise Malformed("ring_kind", "a person's keys follow from the phrase; a key ring is an enterprise's")
    party = Party(
        kind=kind,
        subject=subject,
        owner=cold.address,
        controller=hot.address,
        salt=salt,
        index=index,
        language=language,
        chain_id=record.chain_id,
        registry=registry,
        vault_url=vault_url,
    )
    return Fresh(keys.with_member(Root.random()), cold, party, RingMember.of(rings.PAPER, secret), ring_file)


def save(session: Session, fresh: Fresh, passphrase: Passphrase, record: Deployment) -> None:
    """Write the profile: key store first, so that nothing public stands for keys that are not kept."""
    if session.profile.party_file.exists() or session.profile.key_file.exists():
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(session.profile.folder))
    session.profile.make()
    write_keys(session.profile.key_file, fresh.keys, passphrase, session.settings.scrypt_log_n)
    if fresh.ring is not None:
        write_private(session.profile.folder / rings.RING_FILE, fresh.ring)
    rings.keep_paper(session, fresh.paper)
    deployments.pin(session.profile, record)
    session.save_party(fresh.party)
    session.use_keys(fresh.keys)


def discard(session: Session) -> None:
    """Take back ``save``: nobody lives in the profile any more."""
    for path in (session.profile.party_file, session.profile.key_file):
        path.unlink(missing_ok=True)


def sign_opening(session: Session, fresh: Fresh) -> None:
    """Have the owner sign the opening and keep the signed messages until they are sent."""
    now = session.clock.now()
    domain = deployments.dossier_domain(session.deployment)
    party, keys = fresh.party, fresh.keys
    message = OpenDossier(party.owner, party.controller, party.salt, now + OPENING_LIFETIME_S)
    card = first_envelope(session, keys, party, now)
    write_json(
        session.profile.folder / OPENING_FILE,
        {
            "v": 1,
            "message": message.to_json(),
            "owner_signature": hex0x(fresh.cold.sign_digest(message.digest(domain))),
            "card": json.loads(card.raw),
        },
    )


def first_envelope(session: Session, keys: Keys, party: Party, now: int) -> KeyCardEnvelope:
    """The first key card of a dossier, signed by its controller and by its present key."""
    domain = deployments.dossier_domain(session.deployment)
    sealing = keys.sealing(1).recipient().public
    card = first_card(party.subject, keys.present(1).public_jwk(), sealing, valid_from=now)
    return seal_card(card, domain, keys.present(1), sealing, keys.hot.sign_digest(card.digest(domain)))


def _enterprise_ring(members: list[HybridIdentity], dossier: bytes, ring: bytes | None) -> tuple[KeyRing, bytes]:
    """The keys that an enterprise's members share, and the file that its first member (this phrase) opens.

    Whose dossier a ring that is brought is of, it says itself. ``members``: as what the phrase opens a ring, in files
    of version 1 and since.
    """
    if ring is not None:
        return open_ring(ring, members), ring
    root = random_root()
    made = KeyRing(dossier, (RingRoot(1, root),), derive_tag_key(root), derive_revoke_key(root))
    return made, seal_ring(made, [member.recipient() for member in members])
