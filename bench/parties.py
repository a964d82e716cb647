"""People and agencies with real keys, brought to a chain and a vault; and their deposits, grants and receipts."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from bench.local_chain import LocalChain
from chain.ledger import Ledger
from client.api import VaultApi
from client.clock import SystemClock
from client.deployment import agency_domain, dossier_domain, grant_domain
from client.http import Http
from protocol import wire
from protocol.dossier_messages import OpenDossier
from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x
from protocol.entries import origin_hash
from protocol.envelope import Sealed, seal_bytes
from protocol.grant import ANY_OFFICER, NO_MANDATE, AccessGrant, GrantEnvelope, ScopeItem, nullifier_of
from protocol.hashing import sha256
from protocol.identifiers import agency_subject, agency_urn, dossier_id, dossier_urn
from protocol.keycard import KeyCard, KeyCardEnvelope, first_card, seal_card
from protocol.keys import AccountKey, PresentKey, Root, derive_present, derive_sealing
from protocol.receipts import Officer, Receipt, ReceiptItem, sign_receipt
from protocol.recipients import HybridRecipient
from protocol.slips import Slip, SlipObject, item_commitment, sign_slip
from protocol.statements import CardToken, sign_card_token

FAR = 4_000_000_000
DAY = 86_400


@dataclass(slots=True)
class Party:
    """Keys, and the key card once it is made. ``subject``: the dossier, or the agency's account padded.

    ``tag_key``: a holder's, by which it finds its entries in the log.
    """

    account: AccountKey = field(default_factory=lambda: AccountKey(secrets.token_bytes(32)))
    root: Root = field(default_factory=lambda: Root(secrets.token_bytes(32)))
    subject: bytes = b""
    urn: str = ""
    card: KeyCard | None = None
    card_hash: bytes = b""
    tag_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    present: PresentKey = field(init=False)
    recipient: HybridRecipient = field(init=False)

    def __post_init__(self) -> None:
        self.present = derive_present(self.root, 1)
        self.recipient = derive_sealing(self.root, 1).recipient()

    def make_card(self, domain: Domain, now: int) -> KeyCardEnvelope:
        """The first card of this party, signed by its account."""
        card = first_card(self.subject, self.present.public_jwk(), self.recipient.public, valid_from=now)
        self.card, self.card_hash = card, card.digest(domain)
        return seal_card(card, domain, self.present, self.recipient.public, self.account.sign_digest(self.card_hash))


@dataclass(slots=True)
class Town:
    """One chain and one vault, and how to bring parties to both."""

    chain: LocalChain
    vault_url: str
    ledger: Ledger
    governor: Ledger
    log: str = ""
    _made: list[VaultApi] = field(default_factory=list)

    @classmethod
    def of(cls, chain: LocalChain, vault_url: str) -> Town:
        town = cls(chain, vault_url, chain.ledger(chain.signer()), chain.ledger(chain.governor))
        town.log = town.api().info().log_origin
        return town

    @property
    def now(self) -> int:
        """A time that neither the machine's clock nor the chain's is behind."""
        return max(int(time.time()), self.ledger.head().time)

    def api(self, party: Party | None = None) -> VaultApi:
        """The vault as ``party`` speaks to it."""
        signer = party.present if party else None
        made = VaultApi(Http(self.vault_url, clock=SystemClock(), signer=signer, timeout_s=60))
        self._made.append(made)
        return made

    def close(self) -> None:
        """Give back every connection to the vault and to the chain."""
        for api in self._made:
            api.http.close()
        for ledger in (self.ledger, self.governor):
            close = getattr(ledger, "close", None)
            if close is not None:
                close()

    def agency(self, *roles: int, types: tuple[str, ...] = (), division: str = "bank") -> Party:
        """An agency that is admitted and has its card at the vault."""
        party = Party()
        party.subject = agency_subject(party.account.address)
        deployment = self.ledger.deployment
        party.urn = agency_urn(deployment.chain_id, deployment.contracts.agency_registry, party.account.address)
        self.governor.admit_agency(party.account.address, "sample", division)
        for role in roles:
            self.governor.set_role(party.account.address, role)
        for kind in types:
            self.governor.allow_issue(party.account.address, kind)
        envelope = party.make_card(agency_domain(deployment), self.now)
        self.ledger.publish_agency_card(envelope.card, envelope.account_signature)
        self.api().put_agency_card(party.account.address, wire.Card(card=envelope.to_json()), party.present)
        return party

    def holder(self) -> Party:
        """Somebody with a dossier on chain and at the vault."""
        party, salt, deployment = Party(), secrets.token_bytes(32), self.ledger.deployment
        me, registry = party.account.address, deployment.contracts.dossier_registry
        party.subject = dossier_id(deployment.chain_id, registry, me, salt)
        party.urn = dossier_urn(party.subject)
        domain, message = dossier_domain(deployment), OpenDossier(me, me, salt, FAR)
        envelope = party.make_card(domain, self.now)
        signed = party.account.sign_digest(message.digest(domain))
        self.ledger.open_dossier(message, signed, envelope.card, envelope.account_signature)
        opened = wire.OpenDossier(
            dossier=hex0x(party.subject), card=envelope.to_json(), tag_key=b64u(party.tag_key)
        )
        self.api().open_dossier(opened, party.present)
        return party

    def token(self, holder: Party, agency: Party) -> str:
        """The holder's invitation, good for ten minutes."""
        now = int(time.time())
        return sign_card_token(CardToken(holder.urn, agency.urn, now, now + 600, holder.card_hash), holder.present)

    def deposit(self, issuer: Party, holder: Party, *contents: bytes) -> ReadyDeposit:
        """Objects sealed to the holder, and the slip for them, as they would be sent."""
        item, salt = secrets.token_bytes(32), secrets.token_bytes(32)
        sealed = [seal_bytes(content, [holder.recipient]) for content in contents]
        objects = tuple(SlipObject(sha256(s.payload), len(s.payload), sha256(s.header)) for s in sealed)
        slip = Slip(
            jti=b64u(secrets.token_bytes(16)),
            iat=int(time.time()),
            iss=issuer.urn,
            aud=self.log,
            dossier=holder.subject,
            item=item,
            item_commitment=item_commitment(salt, "credential"),
            card=holder.card_hash,
            objects=objects,
        )
        body = wire.Deposit(
            slip=sign_slip(slip, issuer.present),
            headers=[b64u(s.header) for s in sealed],
            item_salt=b64u(salt),
            card_token=self.token(holder, issuer),
        )
        return ReadyDeposit(slip, sealed, body)

    def grant(
        self, holder: Party, reader: Party, item: Slip, scenario: bytes, purpose: str, uses: int, parcel: bytes = b""
    ) -> ReadyGrant:
        """A grant over two claims of ``item``, with ``parcel`` (or a random one) sealed, signed by the holder."""
        ident, secret = secrets.token_bytes(32), secrets.token_bytes(32)
        parcel = seal_bytes(parcel or secrets.token_bytes(2_000), [reader.recipient]).file
        now, state = int(time.time()), self.ledger.dossier(holder.subject)
        assert state is not None
        grant = AccessGrant(
            grant_id=ident,
            log=origin_hash(self.log),
            dossier=holder.subject,
            grant_epoch=state.grant_epoch,
            grantor=holder.account.address,
            mandate=NO_MANDATE,
            agency=reader.account.address,
            agency_card=reader.card_hash,
            scenario=scenario,
            purpose=purpose,
            officer_class=ANY_OFFICER,
            scope=(ScopeItem(item.item, "insurance", sha256(parcel), ("/base_amount", "/months_paid"), ()),),
            not_before=now - 60,
            not_after=now + 6 * DAY,
            max_uses=uses,
            min_interval_s=0,
            retention_days=30,
            max_depth=0,
            nullifier=nullifier_of(secret),
        )
        signed = holder.account.sign_digest(grant.digest(grant_domain(self.ledger.deployment)))
        return ReadyGrant(GrantEnvelope.of(grant, signed), parcel, secret)

    def receipt(self, reader: Party, grant: AccessGrant) -> str:
        """A receipt of the reader for the whole grant, of now."""
        now, scope = int(time.time()), grant.scope[0]
        receipt = Receipt(
            jti=b64u(secrets.token_bytes(16)),
            iat=now,
            iss=reader.urn,
            aud=self.log,
            grant=grant.grant_id,
            show=None,
            scenario=grant.scenario,
            officer=Officer("clerk", "desk 3"),
            items=(ReceiptItem(scope.item, scope.claims, scope.documents),),
            retain_until=now + DAY,
            nonce=None,
            card=reader.card_hash,
        )
        return sign_receipt(receipt, reader.present)


@dataclass(frozen=True, slots=True)
class ReadyDeposit:
    """A deposit as it would be sent; its payloads are not uploaded yet."""

    slip: Slip
    sealed: list[Sealed]
    body: wire.Deposit


@dataclass(frozen=True, slots=True)
class ReadyGrant:
    """A grant as it would be posted, and the secret that ends it."""

    envelope: GrantEnvelope
    parcel: bytes
    secret: bytes

    def body(self) -> wire.PostGrant:
        return wire.PostGrant(grant=self.envelope.to_json(), parcels=[b64u(self.parcel)])
