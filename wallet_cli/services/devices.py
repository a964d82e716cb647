"""A second device: it shares the key ring, reads, shows and revokes, and has no account that signs (ADR 20).

The contract knows one controller. A device that had its key too could not be shut out by a new root, so that a
second device gets the roots and nothing else; what it may sign besides is for a mandate to say.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace

from chain.deployment import Deployment
from client import deployment as deployments
from client.files import read_bounded, write_private
from client.keystore import MAX_KEY_FILE, MAX_LOG_N, Keys, write_keys
from client.profile import Party
from client.session import Session
from protocol import canonical
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_joined, seal_bytes
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.fields import Fields
from protocol.hashing import same
from protocol.joining import MAX_TEXT, Answer, match_number, open_answer, parse_request, seal_answer, write_request
from protocol.keycard import VerifiedKeyCard
from protocol.keyring import KeyRing, RingMember, member_identity
from protocol.keys import AccountKey, Root
from protocol.recipients import Passphrase, ScryptIdentity, ScryptRecipient
from wallet_cli.services import registration, rings, rotating

JOINING_FILE = "joining.age"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the new device shows: ``request`` goes to the first device, ``match`` is read from both screens."""

    request: str
    match: str


@dataclass(frozen=True, slots=True)
class Device:
    """A member of the ring. ``kind``: paper (the phrase), this, or device."""

    name: str
    kind: str
    thumbprint: str


def ask(session: Session, name: str, passphrase: Passphrase) -> Asked:
    """Make a new device's membership, keep it under ``passphrase``, and say what it asks for. Asked again, the same."""
    if session.profile.exists() or session.profile.party_file.exists():
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(session.profile.folder))
    path = session.profile.folder / JOINING_FILE
    if path.exists():
        kept_name, secret = _kept(session, passphrase)
        if kept_name != name:
            raise Conflict("device_asked", "this profile has asked already, as {name}", name=kept_name)
    else:
        secret = Root.random()
        RingMember.of(name, secret)  # refuses a name before anything is kept
        plain = canonical.dumps({"v": 1, "name": name, "member": b64u(secret.unsafe_bytes)})
        session.profile.make()
        sealed = seal_bytes(plain, [ScryptRecipient(passphrase, session.settings.scrypt_log_n)])
        write_private(path, sealed.file, new=True)
    request = write_request(RingMember.of(name, secret))
    return Asked(request, match_number(request))


def invite(session: Session, request: str) -> bytes:
    """Take a new device into the ring; the answer for it, which nobody else opens.

    That ``match_number(request)`` stands on the new device's screen was seen by the person before this is called.
    """
    member = parse_request(request)
    registration.adopt_newest_card(session)
    with_membership = rings.with_membership(session.keys)
    if with_membership != session.keys:
        session.replace_keys(with_membership)
    ring = rings.update(session, lambda ring: _joined(rings.with_device(ring, session), member))
    party = json.dumps(session.party.to_json())
    return seal_answer(Answer(ring, party, session.deployment.serialise().decode("utf-8")), member)


def join(session: Session, raw: bytes, passphrase: Passphrase) -> None:
    """Take up what the first device handed over; refused unless it fits the chain that this machine knows."""
    _name, secret = _kept(session, passphrase)
    answer = open_answer(raw, [member_identity(secret)])
    record = Deployment.parse(answer.deployment.encode("utf-8"))
    known = deployments.local_record(session.settings)
    if (record.contracts, record.deploy_block_hash) != (known.contracts, known.deploy_block_hash):
        raise Untrusted("trust_other_chain", "the answer is of another deployment than this machine's")
    party = Party.from_json(canonical.loads_object(answer.party.encode("utf-8"), limit=MAX_TEXT, what="party"))
    if party.subject != answer.ring.dossier:
        raise Untrusted("ring_foreign", "the key ring is of another dossier")
    keys = Keys(party.kind, answer.ring.roots, _account(), answer.ring.tag_key, answer.ring.revoke_key, secret)
    write_keys(session.profile.key_file, keys, passphrase, session.settings.scrypt_log_n)
    deployments.pin(session.profile, record)
    session.save_party(party)
    session.use_keys(keys)
    registration.adopt_newest_card(session)
    rings.fetch(session)
    (session.profile.folder / JOINING_FILE).unlink()


def listed(session: Session) -> list[Device]:
    """The members of the ring; none if there is no ring yet: then this device and the phrase are alone."""
    found = rings.fetch(session)
    if found is None:
        return []
    mine = None if session.keys.member is None else RingMember.of("this", session.keys.member).key
    kinds = {mine: "this"}
    return [
        Device(
            member.name,
            "paper" if member.name == rings.PAPER else kinds.get(member.key, "device"),
            member.key.kid(),
        )
        for member in found.ring.members
    ]


def remove(session: Session, name: str, *, revoke_older: bool = False) -> VerifiedKeyCard:
    """Shut a device out: a new root, a new card and a ring without it. Headers are wrapped by ``rewrapping``.

    What it has read stays read. A removal that broke off is finished by the same call.
    """
    registration.require_controller(session)
    devices = {device.name: device for device in listed(session)}
    if name not in devices and not rotating.waits_for_card(session):
        raise Denied("device_not_found", "no device {name} is a member of the key ring", name=name)
    if name in devices and devices[name].kind != "device":
        raise Denied("device_needed", "{name} can't be removed here: it is this device, or the phrase", name=name)
    return rotating.rotate_root(session, revoke_older=revoke_older, without={name})


def refresh(session: Session) -> int:
    """Take new roots from the ring, after a rotation on another device; the number of the newest card."""
    found = rings.fetch(session)
    if found is not None and found.ring.roots != session.keys.roots:
        session.replace_keys(session.keys.with_roots(found.ring.roots))
    ledger = session.ledger_if_reachable()
    state = ledger.dossier(session.party.subject) if ledger is not None else None
    if state is not None:
        session.save_party(session.party.with_changes(owner=state.owner, controller=state.controller))
    return registration.adopt_newest_card(session)


def _joined(ring: KeyRing, member: RingMember) -> KeyRing:
    """The ring with the new member; a request that was answered before changes nothing."""
    if member in ring.members:
        return ring
    if member.name in {known.name for known in ring.members}:
        raise Conflict("device_exists", "the key ring has a member called {name} already", name=member.name)
    return replace(ring, members=(*ring.members, member))


def _kept(session: Session, passphrase: Passphrase) -> tuple[str, Root]:
    path = session.profile.folder / JOINING_FILE
    if not path.exists():
        raise Denied("device_not_asked", "this profile has not asked to join: begin with `wallet device join --name`")
    sealed = read_bounded(path, limit=MAX_KEY_FILE)
    try:
        plain = open_joined(sealed, [ScryptIdentity(passphrase, MAX_LOG_N)])
    except Denied:
        raise Denied("wrong_passphrase", "the passphrase does not open the key store") from None
    fields = Fields(canonical.loads_canonical(plain, limit=MAX_KEY_FILE, what="joining"), "joining")
    fields.uint("v", least=1, most=1)
    name, secret = fields.text("name"), Root(unb64u(fields.take("member"), length=32, what="joining.member"))
    fields.done()
    return name, secret


def same_number(typed: str, request: str) -> bool:
    """Whether a typed number is the request's, whatever its spacing."""
    return same("".join(typed.split()).encode(), match_number(request).replace(" ", "").encode())


def _account() -> AccountKey:
    """This device's own account: no contract knows it until a mandate names it."""
    while True:
        try:
            return AccountKey(secrets.token_bytes(32))
        except Malformed:  # pragma: no cover (one draw in 2^128 is no scalar of the curve)
            continue
