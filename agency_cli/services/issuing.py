"""Issuing: from an order to an item in the holder's dossier (docs/spec/credential.md, FORMATS "Deposit").

Everything that can be refused is refused before anything is sent. What is sent is: payloads (ciphertext), then one
deposit, which the vault takes whole or not at all. One certificate (type, department, serial, revision) is deposited
once: its slip number follows from the certificate id under a key of ours, so that a repeated order, also after a
crash, meets the vault's memory of it.
"""

from __future__ import annotations

import io
import math
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from agency_cli.services.flight import Baton, Turns
from agency_cli.services.holders import Addressee, Holder, Ways, find_holder
from agency_cli.services.office import Office, load_office
from agency_cli.services.orders import Order, trial
from agency_cli.services.publishing import publish_due
from agency_cli.services.records import Issued, Records
from agency_cli.services.standing import Standing, own_account, standing
from agency_cli.services.status_lists import Lists
from client.files import private_folder
from client.http import Step
from client.ids import draw_id
from client.kept import Kept
from client.sealing import Draft, SealedPart, drafts, seal_stream, upload
from client.session import Session
from protocol import wire
from protocol.credential import FileEntry, StatusRef
from protocol.credential_issue import issue_credential
from protocol.encoding import b64u
from protocol.errors import Conflict, OneFileError, Unavailable, Untrusted
from protocol.hashing import hmac256
from protocol.slips import Slip, item_commitment, sign_slip
from protocol.status_list import parse_status_uri

STANDING_S = 60
ABANDONED_S = 86_400
MAX_ALONG_BYTES = 256 << 10  # of small payloads that travel with one deposit
MAX_DOCUMENTED = 4  # orders with documents at work: what is sealed lies on the disk until it is uploaded
Watch = Callable[[int], AbstractContextManager[Step]]


@dataclass(slots=True)
class Desk:
    """What one run issues with, from several threads if it likes.

    ``watch`` gives a function that is told of uploaded bytes. ``draw_ahead``: how many status indices are drawn at
    once; what a run leaves of them stays unused. ``ways`` and ``send``: how a dossier is asked for and a deposit sent,
    if not each by itself. ``baton``: held by whoever works, if several do.
    """

    session: Session
    office: Office
    lists: Lists
    records: Records
    watch: Watch = field(default=lambda _total: nullcontext(lambda _n: None))
    draw_ahead: int = 1
    ways: Ways | None = None
    send: Callable[[wire.Deposit], wire.Deposited] | None = None
    turns: Turns = field(default_factory=Turns)
    baton: Baton = field(default_factory=Baton)
    _standing: Standing | None = None
    _limit: int | None = None
    _drawn: list[StatusRef] = field(default_factory=list)
    _seen_out: float = -math.inf
    _documents: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MAX_DOCUMENTED), repr=False
    )
    _one: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def standing(self) -> Standing:
        """Our standing, asked again every minute."""
        with self._one:
            known = self._standing
            if known is None or self.session.clock.now() + known.ahead_s - known.at >= STANDING_S:
                self._standing = known = standing(self.session)
            return known

    def now(self) -> int:
        """The time to sign with."""
        return self.session.clock.now() + self.standing().ahead_s

    def payload_limit(self) -> int:
        """The vault's limit for one payload, in bytes."""
        if self._limit is None:
            self._limit = self.session.public_api.info().limits.payload_bytes
        return self._limit

    @contextmanager
    def place(self, order: Order) -> Iterator[Path]:
        """A folder for what is sealed, one for each certificate at a time, few that hold documents."""
        with ExitStack() as held:
            with self.baton.waiting():
                held.enter_context(self.turns.of(order.certificate_id))
                held.enter_context(self._documents if order.documents else nullcontext())
            yield held.enter_context(_sealing_folder(self.session.profile.folder))

    def status(self) -> StatusRef:
        """A status index that no credential has, of a list of which a good token is out."""
        with self._one:
            fresh = not self._drawn
            if fresh:
                self._drawn = self.lists.allocate(self.draw_ahead)
            found = self._drawn.pop()
            if fresh or time.monotonic() - self._seen_out >= STANDING_S:
                publish_due(self.session, self.standing(), self.lists, parse_status_uri(found.uri)[1])
                self._seen_out = time.monotonic()
            return found

    def give_back(self, status: StatusRef) -> None:
        """An index that nothing was signed with."""
        with self._one:
            self._drawn.append(status)

    def digest(self, label: bytes, data: bytes) -> bytes:
        """A digest that only this agency can make: of what must not be guessed from it."""
        return hmac256(self.session.keys.tag_key.unsafe_bytes, b"onefile/agency/v1/", label, b"\x00", data)


@dataclass(frozen=True, slots=True)
class Ready:
    """An order that was checked in full for one holder; nothing is sealed or sent yet."""

    order: Order
    holder: Holder
    drafts: tuple[Draft, ...]
    earlier: Issued | None = None


def open_desk(session: Session, watch: Watch | None = None) -> Desk:
    """The desk of this run; what broken runs left in the sealing folder for a day is removed."""
    folder = session.profile.folder
    desk = Desk(session, load_office(session.profile), Lists(folder, own_account(session)), Records(folder))
    if watch is not None:
        desk.watch = watch
    for path in (folder / "tmp").glob("sealing-*"):
        if time.time() - path.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(path, ignore_errors=True)
    return desk


def check(desk: Desk, order: Order, to: Addressee) -> Ready:
    """Check an order in full; raises what is wrong with it by name, and changes nothing anywhere."""
    ready = _addressed(desk, order, to)
    _try(desk, ready)
    return ready


def _addressed(desk: Desk, order: Order, to: Addressee) -> Ready:
    """An order that may be carried out; whether each field is of its kind is left to its signing."""
    # (1) The registry lets us issue this type, with the key that we sign with.
    ours = desk.standing()
    ours.require_type(order.licence.type)
    # (2) This certificate was not issued before: known here, before anybody is asked.
    earlier = desk.records.of_certificate(order.certificate_id)
    if earlier is not None and earlier.state == "deposited":
        _refuse_again(desk, order, earlier)
    # (3) The holder's card is the newest on chain, and the invitation is good.
    holder = find_holder(desk.session, to, agency=ours.urn, ways=desk.ways)
    # (4) The documents fit.
    return Ready(order, holder, tuple(drafts(order.documents, desk.payload_limit())), earlier)


def _try(desk: Desk, ready: Ready) -> None:
    """Sign in vain: raises if a field is not of its kind."""
    ours = desk.standing()
    trial(
        ready.order,
        issuer=ours.urn,
        account=ours.account,
        subject=ready.holder.dossier,
        key=ready.holder.card.present_key,
        now=desk.now(),
        signer=desk.session.keys.present(ours.card.seq),
    )


def issue(desk: Desk, order: Order, to: Addressee) -> Issued:
    """Issue one credential; returns its record, which is on disk.

    Raises as ``check`` does; ``Conflict("certificate_issued")`` for an order that was carried out before;
    ``Unavailable("deposit_unsure")`` if the vault did not answer the deposit: the same order again settles it.
    """
    with desk.place(order) as folder, ExitStack() as here:
        ready = _addressed(desk, order, to)
        if ready.drafts or desk.draw_ahead == 1:
            # Before much is sealed or an index is lost; in a batch the signing itself tells what is wrong.
            _try(desk, ready)
        kept = here.enter_context(Kept(desk.session.profile.folder / "tmp" / "sealed", folder))
        with desk.baton.waiting() if ready.drafts else nullcontext():  # large ones take long
            entries, parts = _seal_documents(ready, kept)
        status = desk.status()
        try:
            raw = _sign(desk, ready, status, entries)
        except OneFileError:
            desk.give_back(status)
            raise
        parts = [seal_stream(io.BytesIO(raw.encode("ascii")), folder, ready.holder.recipient), *parts]
        along, ahead = _split(parts)
        with desk.baton.waiting(), desk.watch(sum(part.object.payload_size for part in ahead)) as step:
            upload(desk.session.api, ahead, step)
        issued = _deposit(desk, ready, status, raw, parts, along)
        kept.done(parts)
        return issued


def _refuse_again(desk: Desk, order: Order, earlier: Issued) -> None:
    if earlier.content == desk.digest(b"order", order.content()):
        raise Conflict("certificate_issued", "this certificate was issued already, as item {item}", item=earlier.id)
    raise Conflict(
        "certificate_changed",
        "item {item} is a certificate of this number and revision with other contents",
        item=earlier.id,
    )


def _seal_documents(ready: Ready, kept: Kept) -> tuple[tuple[FileEntry, ...], list[SealedPart]]:
    holder, label = ready.holder, ready.order.certificate_id
    sealed = [kept.seal(draft, holder.recipient, holder.card.hash, label) for draft in ready.drafts]
    return tuple(entry for entry, _part in sealed), [part for _entry, part in sealed]


def _sign(desk: Desk, ready: Ready, status: StatusRef, entries: tuple[FileEntry, ...]) -> str:
    ours = desk.standing()
    request = ready.order.request(
        issuer=ours.urn,
        issued_at=desk.now(),
        subject=ready.holder.dossier,
        key=ready.holder.card.present_key,
        status=status,
        files=entries,
    )
    return issue_credential(request, desk.session.keys.present(ours.card.seq), even=True)


def _split(parts: list[SealedPart]) -> tuple[list[SealedPart], list[SealedPart]]:
    """Payloads that travel with the deposit, and those that go ahead of it: the large ones."""
    along: list[SealedPart] = []
    ahead: list[SealedPart] = []
    left = MAX_ALONG_BYTES
    for part in parts:
        size = part.object.payload_size
        if size <= min(left, wire.MAX_INLINE_BYTES):
            along.append(part)
            left -= size
        else:
            ahead.append(part)
    return along, ahead


def _deposit(
    desk: Desk, ready: Ready, status: StatusRef, raw: str, parts: list[SealedPart], along: list[SealedPart]
) -> Issued:
    salt = secrets.token_bytes(32)
    record = _record(desk, ready, status)
    slip = Slip(
        jti=b64u(record.jti),
        iat=desk.now(),
        iss=desk.standing().urn,
        aud=desk.session.log.origin,
        dossier=ready.holder.dossier,
        item=record.item,
        item_commitment=item_commitment(salt, raw.partition("~")[0]),
        card=ready.holder.card.hash,
        objects=tuple(part.object for part in parts),
    )
    signed = sign_slip(slip, desk.session.keys.present(desk.standing().card.seq))
    body = wire.Deposit(
        slip=signed,
        headers=[b64u(part.header) for part in parts],
        item_salt=b64u(salt),
        card_token=ready.holder.token,
        payloads=[b64u(part.path.read_bytes()) for part in along],
    )
    with desk.baton.waiting():
        desk.records.save(record)
    return _send(desk, ready, record, body)


def _send(desk: Desk, ready: Ready, record: Issued, body: wire.Deposit) -> Issued:
    """Send the deposit and settle the record: marked, taken back, or left unsure."""
    earlier = ready.earlier
    try:
        answer = (desk.send or desk.session.api.deposit)(body)
    except Unavailable as error:
        raise Unavailable(
            "deposit_unsure",
            "the deposit of item {item} was sent and not answered ({reason})",
            item=record.id,
            reason=error.code,
        ) from None
    except OneFileError as error:
        _take_back(desk, record, earlier)
        if error.code == "item_exists":
            _settle(desk, ready)
        raise
    if answer.item != record.id:
        raise Untrusted("deposit_answer", "the vault answered for another item than was deposited")
    done = replace(record, state="deposited", index=answer.index)
    if earlier is not None:
        # The vault takes one slip of this number: since it took ours, the earlier one never arrived.
        desk.records.drop(earlier)
    with desk.baton.waiting():
        desk.records.save(done)
    return done


def _settle(desk: Desk, ready: Ready) -> None:
    """The vault has this slip number: an earlier order, whose answer we did not hear, did arrive."""
    if ready.earlier is None:
        raise Conflict(
            "certificate_known",
            "the vault has this certificate from this agency already, and this profile keeps no record of it",
        )
    arrived = replace(ready.earlier, state="deposited")
    desk.records.save(arrived)
    _refuse_again(desk, ready.order, arrived)


def _take_back(desk: Desk, record: Issued, earlier: Issued | None) -> None:
    desk.records.drop(record)
    if earlier is not None:
        desk.records.save(earlier)


def _record(desk: Desk, ready: Ready, status: StatusRef) -> Issued:
    return Issued(
        item=draw_id(),
        certificate_id=ready.order.certificate_id,
        vct=ready.order.licence.vct,
        dossier=ready.holder.dossier,
        jti=desk.digest(b"slip", ready.order.certificate_id.encode("ascii"))[:16],
        status=status,
        content=desk.digest(b"order", ready.order.content()),
        issued_at=desk.now(),
        card=ready.holder.card.hash,
        signer=desk.standing().card.hash,
    )


@contextmanager
def _sealing_folder(profile: Path) -> Iterator[Path]:
    """A private folder for ciphertext, gone at the end whatever happens."""
    with tempfile.TemporaryDirectory(prefix="sealing-", dir=private_folder(profile / "tmp")) as name:
        yield Path(name)
