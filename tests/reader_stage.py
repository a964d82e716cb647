"""A reader at its desk, and a holder who grants and shows.

``cook`` changes what the holder (or a thief) seals; the bank, its vault and the issuer are in ``tests/reader_bank.py``.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import qrcode

from client.ids import draw_id
from protocol.credential import present_credential
from protocol.encoding import b64u, unb64u
from protocol.entries import Opening, grant_tag_key, origin_hash
from protocol.envelope import header_for, seal_bytes
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem, nullifier_of, revocation_secret
from protocol.hashing import ZERO32, sha256
from protocol.parcel import Parcel, ParcelDocument, ParcelItem
from protocol.receipts import parse_receipt
from protocol.show_code import new_show_code, sign_show_code
from tests.reader_bank import CLAIMS, PDF, BankStage, Given, Issued
from tests.vault_stage import DAY, Party


class ReaderStage(BankStage):
    """And the holder grants, and shows."""

    def parcel_item(self, issued: Issued, claims: tuple[str, ...], nonce: str, **changes: Any) -> ParcelItem:
        """What a wallet hands over of one item."""
        rows = self.vault.get(self.alice, f"/v1/me/items/{issued.id}").json()
        opening = Opening.from_json(rows["opening"])
        proof = self.vault.get(None, f"/v1/log/proof/{rows['index']}").text
        presentation = present_credential(
            issued.credential,
            claims,
            changes.pop("signer", self.alice.present),
            aud=changes.pop("aud", self.vault.urn(self.bank)),
            nonce=nonce,
            iat=self.vault.clock.now(),
        )
        item = ParcelItem(
            slip=rows["slip"],
            salt=unb64u(rows["item_salt"]),
            leaf_salt=opening.salt,
            proof=proof,
            presentation=presentation,
            documents=tuple(
                ParcelDocument(samples_name(number), issued.payload(number))
                for number in range(len(issued.files))
                if f"/files/{number}" in claims
            ),
        )
        return replace(item, **changes)

    def parcel(self, basis: bytes, *items: ParcelItem, **changes: Any) -> Parcel:
        """The parcel of a grant (32 bytes) or a show (16)."""
        made = Parcel(
            grant=basis if len(basis) == 32 else None,
            show=basis if len(basis) == 16 else None,
            items=items,
            card=self.alice.envelopes[-1].to_json(),
            mandate=None,
            grant_tag_key=grant_tag_key(self.alice.tag_key, basis),
        )
        return replace(made, **changes)

    def seal(self, parcel: Parcel, to: Party | None = None) -> bytes:
        return seal_bytes(parcel.serialise(), [(to or self.bank).sealing.recipient()]).file

    def give(
        self,
        *issued: Issued,
        claims: tuple[str, ...] = CLAIMS,
        cook: Callable[[Parcel], Parcel] = lambda parcel: parcel,
        cook_headers: Callable[[list[dict[str, str]]], list[dict[str, str]]] = lambda headers: headers,
        named: tuple[str, ...] | None = None,
        item: dict[str, Any] | None = None,
        to: Party | None = None,
        query: str = "insurance",
        parts: tuple[tuple[Issued, str, tuple[str, ...]], ...] = (),
        scenario: str | None = None,
        ident: bytes | None = None,
        **changes: Any,
    ) -> Given:
        """Grant items to the bank and post it. ``cook`` changes each parcel before it is sealed and signed for;
        ``named`` are the claims that the grant names where they are not those that are shown; ``parts`` gives each
        item its own query and claims."""
        grant_id, now = ident or draw_id(), self.vault.clock.now()
        secret = revocation_secret(self.alice.revoke_key, grant_id)
        parcels, scope, headers = [], [], []
        for one, query, claims in parts or tuple((one, query, claims) for one in issued):
            part = self.parcel_item(one, claims, b64u(grant_id), **(item or {}))
            parcels.append(self.seal(cook(self.parcel(grant_id, part)), to))
            documents = tuple(sorted(document.payload for document in part.documents))
            scope.append(ScopeItem(one.item, query, sha256(parcels[-1]), named or claims, documents))
            for sealed in one.deposit.sealed[1:]:
                if sha256(sealed.payload) in documents:
                    header = header_for(sealed.file_key, [self.bank.sealing.recipient()])
                    headers.append(
                        {"item": one.id, "payload": b64u(sha256(sealed.payload)), "header": b64u(header)}
                    )
        ledger = self.chain.ledger(self.alice.address)
        state = ledger.dossier(self.alice.dossier)
        assert state is not None
        grant = AccessGrant(
            grant_id=grant_id,
            log=origin_hash(self.vault.origin),
            dossier=self.alice.dossier,
            grant_epoch=state.grant_epoch,
            grantor=self.alice.address,
            mandate=ZERO32,
            agency=self.bank.address,
            agency_card=self.bank.cards[-1].digest(self.vault.vault.agency_domain),
            scenario=sha256((scenario or self.scenario).encode()),
            purpose="To decide on an application for a small loan",
            officer_class=ZERO32,
            scope=tuple(scope),
            not_before=now,
            not_after=now + 7 * DAY,
            max_uses=3,
            min_interval_s=0,
            retention_days=30,
            max_depth=0,
            nullifier=nullifier_of(secret),
        )
        grant = replace(grant, **changes)
        envelope = GrantEnvelope.of(grant, self.alice.account.sign_digest(grant.digest(self.vault.vault.grant_domain)))
        body = {
            "grant": envelope.to_json(),
            "parcels": [b64u(parcel) for parcel in parcels],
            "headers": cook_headers(headers),
        }
        answer = self.vault.post(self.alice, "/v1/grants", body)
        assert answer.status_code == 201, answer.text
        return Given(envelope, parcels, secret)

    def revoke(self, given: Given) -> None:
        answer = self.vault.post(None, f"/v1/grants/{given.id}/revoke", {"secret": b64u(given.secret)})
        assert answer.status_code == 200, answer.text

    def open_show(self, lifetime_s: int = 300) -> tuple[bytes, str]:
        """A session and its first code."""
        session = secrets.token_bytes(16)
        answer = self.vault.post(self.alice, "/v1/me/shows", {"session": b64u(session), "lifetime_s": lifetime_s})
        assert answer.status_code == 201, answer.text
        code = new_show_code(session, 0, origin=self.vault.origin, now=self.vault.clock.now())
        return session, sign_show_code(code, self.alice.present)

    def present(self, session: bytes, *issued: Issued, claims: tuple[str, ...] = CLAIMS[1:], **cook: Any) -> None:
        """What the wallet does once somebody collected. ``cook``: ``parcel``, ``headers`` (functions), ``to``, ``nonce``, ``item``."""
        row = self.vault.get(self.alice, f"/v1/me/shows/{b64u(session)}").json()
        nonce = parse_receipt(row["receipt"]).body.nonce
        items = [
            self.parcel_item(one, claims, cook.get("nonce") or b64u(nonce or b""), **cook.get("item", {})) for one in issued
        ]
        made = cook.get("parcel", lambda parcel: parcel)(self.parcel(session, *items))
        sealed = self.seal(made, cook.get("to"))
        body = {"presentation": b64u(sealed), "headers": list(self._headers(issued, claims))}
        body["headers"] = cook.get("headers", lambda headers: headers)(body["headers"])
        answer = self.vault.put(self.alice, f"/v1/me/shows/{b64u(session)}/presentation", body)
        assert answer.status_code == 200, answer.text

    def _headers(self, issued: tuple[Issued, ...], claims: tuple[str, ...]) -> Iterator[dict[str, str]]:
        for one in issued:
            for number, sealed in enumerate(one.deposit.sealed[1:]):
                if f"/files/{number}" in claims:
                    header = header_for(sealed.file_key, [self.bank.sealing.recipient()])
                    yield {"item": one.id, "payload": b64u(sha256(sealed.payload)), "header": b64u(header)}


def samples_name(number: int) -> str:
    return ("证明.pdf", "photo.jpg", "third.bin")[number]


def picture_of(code: str) -> bytes:
    """A PNG of a code, as a screen shows it."""
    drawn = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=6)
    drawn.add_data(code)
    drawn.make()
    out = io.BytesIO()
    drawn.make_image().get_image().convert("L").save(out, "PNG")
    return out.getvalue()


@contextmanager
def reader_stage(folder: Path) -> Iterator[ReaderStage]:
    """A stage that is cleared away."""
    stage = ReaderStage(folder)
    try:
        yield stage
    finally:
        stage.close()


__all__ = ["CLAIMS", "DAY", "PDF", "Given", "Issued", "ReaderStage", "picture_of", "reader_stage"]
