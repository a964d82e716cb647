"""The parties of a ``VaultStage``: real keys, deposits and grants on their way, signed HTTP through the stage."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from protocol.dossier_messages import OpenDossier
from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x
from protocol.entries import origin_hash
from protocol.envelope import seal_bytes
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem, nullifier_of, revocation_secret
from protocol.hashing import ZERO32, sha256
from protocol.identifiers import dossier_id, dossier_urn
from protocol.keycard import KeyCard, KeyCardEnvelope, first_card, next_card, seal_card
from protocol.keys import AccountKey, PresentKey, Root, derive_present, derive_sealing
from protocol.receipts import Officer, Receipt, ReceiptItem, sign_receipt
from protocol.recipients import HybridIdentity
from protocol.scenario import parse_scenario
from protocol.slips import Slip, SlipObject, item_commitment, sign_slip
from protocol.statements import CardToken, Statement, sign_card_token, sign_statement

if TYPE_CHECKING:
    from tests.vault_stage import VaultStage

T0 = 1_800_000_000
HOUR = 3600
DAY = 86_400
FAR = 4_000_000_000
ORIGIN_URL = "https://vault.example"


def seed(name: str) -> bytes:
    """32 bytes that belong to a name."""
    return hashlib.sha256(name.encode()).digest()


class Party:
    """Keys of somebody: an account, and present and sealing keys of a sequence of cards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.account = AccountKey(seed(name + " account"))
        self.root = Root(seed(name + " root"))
        self.seq = 1
        self.envelopes: list[KeyCardEnvelope] = []
        self.cards: list[KeyCard] = []

    @property
    def address(self) -> bytes:
        return self.account.address

    @property
    def present(self) -> PresentKey:
        return derive_present(self.root, self.seq)

    @property
    def sealing(self) -> HybridIdentity:
        return derive_sealing(self.root, self.seq)

    def make_card(self, subject: bytes, domain: Domain, now: int) -> KeyCardEnvelope:
        """The next card of this party, signed by its account."""
        if self.cards:
            self.seq += 1
            card = next_card(
                self.cards[-1],
                domain,
                self.present.public_jwk(),
                self.sealing.recipient().public,
                valid_from=now,
            )
        else:
            card = first_card(
                subject, self.present.public_jwk(), self.sealing.recipient().public, valid_from=now
            )
        signature = self.account.sign_digest(card.digest(domain))
        envelope = seal_card(card, domain, self.present, self.sealing.recipient().public, signature)
        self.cards.append(card)
        self.envelopes.append(envelope)
        return envelope


class Holder(Party):
    """A party with a dossier: deposits, grants, shows."""

    def __init__(self, stage: VaultStage, name: str) -> None:
        super().__init__(name)
        self.stage = stage
        self.tag_key = seed(name + " tag")
        self.revoke_key = seed(name + " revoke")
        self.salt = seed(name + " salt")
        vault = stage.vault
        self.dossier = dossier_id(vault.chain_id, vault.contracts.dossier_registry, self.address, self.salt)

    @property
    def urn(self) -> str:
        return dossier_urn(self.dossier)

    def open(self, *, on_chain: bool = True) -> Any:
        """Open the dossier on chain and in the vault."""
        stage = self.stage
        domain = stage.vault.dossier_domain
        envelope = self.make_card(self.dossier, domain, stage.clock.now())
        message = OpenDossier(self.address, self.address, self.salt, FAR)
        if on_chain:
            stage.chain.ledger(stage.relayer.address).open_dossier(
                message,
                self.account.sign_digest(message.digest(domain)),
                envelope.card,
                envelope.account_signature,
            )
            stage.follow()
        body = {"dossier": hex0x(self.dossier), "card": envelope.to_json(), "tag_key": b64u(self.tag_key)}
        return stage.post(self, "/v1/dossiers", body)

    # --- deposits ---------------------------------------------------------------------------------

    def card_token(self, agency: Party, *, now: int | None = None) -> str:
        at = self.stage.clock.now() if now is None else now
        token = CardToken(self.urn, self.stage.urn(agency), at, at + 600, self.card_hash)
        return sign_card_token(token, self.present)

    @property
    def card_hash(self) -> bytes:
        return self.cards[-1].digest(self.stage.vault.dossier_domain)

    def deposit(self, issuer: Party, *contents: bytes, **changes: Any) -> Deposit:
        """Objects sealed to this holder, and the slip for them; nothing is sent yet."""
        return Deposit(self, issuer, contents or (b"credential of " + self.name.encode(),), changes)

    def deposited(self, issuer: Party, *contents: bytes) -> Deposit:
        """A deposit that was taken."""
        deposit = self.deposit(issuer, *contents)
        answer = deposit.send()
        assert answer.status_code == 201, answer.text
        return deposit

    # --- grants -----------------------------------------------------------------------------------

    def grant(self, bank: Party, scenario: str, deposit: Deposit, **changes: Any) -> Grant:
        """A grant over the first item, with its parcel and headers; nothing is sent yet."""
        return Grant(self, bank, scenario, deposit, changes)

    def statement(self, kind: str, **members: Any) -> str:
        at = self.stage.clock.now()
        said = Statement(b64u(secrets.token_bytes(16)), at, self.urn, self.stage.origin, kind, **members)
        return sign_statement(said, self.present)


class Deposit:
    """A deposit on its way."""

    def __init__(
        self, holder: Holder, issuer: Party, contents: tuple[bytes, ...], changes: dict[str, Any]
    ) -> None:
        stage = holder.stage
        self.holder, self.issuer, self.stage = holder, issuer, stage
        self.item = secrets.token_bytes(32)
        self.salt = secrets.token_bytes(32)
        self.sealed = [seal_bytes(content, [holder.sealing.recipient()]) for content in contents]
        own = issuer is holder
        slip = Slip(
            jti=b64u(secrets.token_bytes(16)),
            iat=stage.clock.now(),
            iss=holder.urn if own else stage.urn(issuer),
            aud=stage.origin,
            dossier=holder.dossier,
            item=self.item,
            item_commitment=item_commitment(self.salt, "credential"),
            card=holder.card_hash,
            objects=tuple(
                SlipObject(sha256(sealed.payload), len(sealed.payload), sha256(sealed.header))
                for sealed in self.sealed
            ),
        )
        self.slip = replace(slip, **changes)

    @property
    def documents(self) -> tuple[bytes, ...]:
        """Payload digests of everything but the credential, ascending."""
        return tuple(sorted(part.payload for part in self.slip.objects[1:]))

    def upload(self) -> None:
        for sealed in self.sealed:
            answer = self.stage.upload(self.issuer, sealed.payload)
            assert answer.status_code in {200, 201}, answer.text

    def body(self, **changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "slip": sign_slip(self.slip, self.issuer.present),
            "headers": [b64u(sealed.header) for sealed in self.sealed],
            "item_salt": b64u(self.salt),
        }
        if self.issuer is not self.holder:
            body["card_token"] = self.holder.card_token(self.issuer)
        return {**body, **changes}

    def send(self, **changes: Any) -> Any:
        self.upload()
        return self.stage.post(self.issuer, "/v1/deposits", self.body(**changes))


class Grant:
    """A grant on its way."""

    def __init__(
        self, holder: Holder, bank: Party, scenario: str, deposit: Deposit, changes: dict[str, Any]
    ) -> None:
        stage = holder.stage
        self.holder, self.bank, self.stage, self.deposit = holder, bank, stage, deposit
        self.id = secrets.token_bytes(32)
        self.secret = revocation_secret(holder.revoke_key, self.id)
        self.parcel = seal_bytes(b"parcel " + self.id, [bank.sealing.recipient()]).file
        self.headers = {
            document: seal_bytes(b"file key", [bank.sealing.recipient()]).header
            for document in deposit.documents
        }
        now = stage.clock.now()
        scope = ScopeItem(
            deposit.item, "insurance", sha256(self.parcel), ("/months_paid",), deposit.documents
        )
        grant = AccessGrant(
            grant_id=self.id,
            log=origin_hash(stage.origin),
            dossier=holder.dossier,
            grant_epoch=stage.chain.ledger(stage.relayer.address).dossier(holder.dossier).grant_epoch,  # type: ignore[union-attr]  # it was opened a line before
            grantor=holder.address,
            mandate=ZERO32,
            agency=bank.address,
            agency_card=bank.cards[-1].digest(stage.vault.agency_domain) if bank.cards else ZERO32,
            scenario=parse_scenario(scenario).hash,
            purpose="To decide on an application for a small loan",
            officer_class=ZERO32,
            scope=(scope,),
            not_before=now,
            not_after=now + 7 * DAY,
            max_uses=3,
            min_interval_s=0,
            retention_days=30,
            max_depth=0,
            nullifier=nullifier_of(self.secret),
        )
        self.scenario_hash = grant.scenario
        self.grant = replace(grant, **changes)

    @property
    def name(self) -> str:
        return b64u(self.id)

    def envelope(self, domain: Domain | None = None) -> GrantEnvelope:
        signed = self.holder.account.sign_digest(self.grant.digest(domain or self.stage.vault.grant_domain))
        return GrantEnvelope.of(self.grant, signed)

    def body(self, **changes: Any) -> dict[str, Any]:
        headers = [
            {"item": b64u(self.deposit.item), "payload": b64u(document), "header": b64u(header)}
            for document, header in self.headers.items()
        ]
        body = {"grant": self.envelope().to_json(), "parcels": [b64u(self.parcel)], "headers": headers}
        return {**body, **changes}

    def send(self, **changes: Any) -> Any:
        return self.stage.post(self.holder, "/v1/grants", self.body(**changes))

    def receipt(self, **changes: Any) -> str:
        """A receipt of the bank for the whole grant."""
        stage, now = self.stage, self.stage.clock.now()
        receipt = Receipt(
            jti=b64u(secrets.token_bytes(16)),
            iat=now,
            iss=stage.urn(self.bank),
            aud=stage.origin,
            grant=self.id,
            show=None,
            scenario=self.scenario_hash,
            officer=Officer("clerk", "desk 3"),
            items=(ReceiptItem(self.deposit.item, ("/months_paid",), self.deposit.documents),),
            retain_until=now + DAY,
            nonce=None,
            card=self.bank.cards[-1].digest(stage.vault.agency_domain),
        )
        return sign_receipt(replace(receipt, **changes), self.bank.present)

    def release(self, receipt: str | None = None) -> Any:
        body = {"receipt": receipt or self.receipt()}
        return self.stage.post(None, f"/v1/grants/{self.name}/release", body)

    def revoke(self, secret: bytes | None = None) -> Any:
        body = {"secret": b64u(self.secret if secret is None else secret)}
        return self.stage.post(None, f"/v1/grants/{self.name}/revoke", body)
