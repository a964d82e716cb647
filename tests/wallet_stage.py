"""A whole small world in one process: chain in memory, the real vault, agencies, and wallets that speak to them.

Nothing is mocked on the wallet's side: its HTTP goes through the vault's application, its chain is the fake that
passes the ledger's conformance suite. One clock moves everything.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import structlog
from starlette.testclient import TestClient

from chain.files import write_deployment
from chain.ledger import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from chain.memory import MemoryChain
from client.api import VaultApi
from client.http import Http
from client.ids import draw_id
from client.keystore import Keys
from client.passphrase import PassphraseSource
from client.profile import Profile
from client.session import Session
from client.settings import read_settings
from protocol import wire
from protocol.credential import FileEntry, StatusRef
from protocol.credential_issue import CertificateData, CredentialRequest, issue_credential
from protocol.eip712 import Domain
from protocol.encoding import b64u
from protocol.envelope import Sealed, seal_bytes
from protocol.hashing import sha256, sm3
from protocol.identifiers import agency_subject, agency_urn
from protocol.keycard import KeyCardEnvelope, first_card, seal_card
from protocol.keys import AccountKey, Mnemonic, Root
from protocol.licence_types import licence_type
from protocol.recipients import HybridRecipient, Passphrase
from protocol.slips import Slip, SlipObject, item_commitment, sign_slip
from protocol.status_list import StatusList, sign_status_token, status_uri
from tests.vault_stage import lay_schema
from vault_api.app import create_app
from vault_api.build import Outside, build_vault
from vault_api.db.engine import open_engine
from vault_api.fakes import MemoryBlobs
from vault_api.loops import Following, Housekeeping
from vault_api.publishing import Publishing
from vault_api.settings import Settings as VaultSettings
from wallet_cli.services import enrolment

NOW = 1_800_000_000
ORIGIN = "http://vault.test"
DEPT_CODE = "11370000MB2849999B"
PHRASES = {
    "alice": "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    "bob": "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "carol": "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "dave": "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
}
PDF = b"%PDF-1.7 canary " + bytes(range(256)) * 600  # two and a half chunks


class Clock:
    """Time for everybody. Who sleeps moves it."""

    def __init__(self) -> None:
        self.time = float(NOW)
        self.on_sleep: Any = None

    def now(self) -> int:
        return int(self.time)

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.on_sleep is not None:
            self.on_sleep()


def account(name: str) -> AccountKey:
    """The same account in every run."""
    return AccountKey(hashlib.sha256(b"onefile wallet stage " + name.encode()).digest())


@dataclass
class Stage:
    """Chain, vault and clock. ``tick`` lets the vault's threads do one round each."""

    folder: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # the vault's log is not ours to print
        self.chain = MemoryChain(governor=account("governor").address, clock=self.clock.now)
        self.ledger = self.chain.ledger(account("relayer").address)
        home = self.folder / "home"
        home.mkdir(parents=True)
        write_deployment(home / "deployment.json", self.ledger.deployment)
        settings = VaultSettings(home=home, public_origin=ORIGIN, payload_bytes=8 << 20, anchor_interval_s=2)
        lay_schema(settings)  # migrating takes longer than most tests
        engine = open_engine(settings.database)
        self.blobs = MemoryBlobs()
        self.vault = build_vault(settings, Outside(self.ledger, engine, self.blobs, self.clock))
        self.vault.sequencer.start()
        self.rounds = (Following(self.vault), Publishing(self.vault), Housekeeping(self.vault))
        self.app = TestClient(create_app(self.vault), base_url=ORIGIN, raise_server_exceptions=True)
        self.app.__enter__()
        self.tick()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def transport(self) -> Any:
        return self.app._transport

    def tick(self) -> None:
        for part in self.rounds:
            part.round()

    def close(self) -> None:
        self.app.__exit__(None, None, None)
        self.vault.sequencer.stop()
        self.vault.engine.dispose()

    def domain(self, name: str) -> Domain:
        deployment = self.ledger.deployment
        return Domain(deployment.chain_id, getattr(deployment.contracts, name))

    def environ(self, **more: str) -> dict[str, str]:
        return {"ONEFILE_HOME": str(self.home), "ONEFILE_VAULT_URL": ORIGIN, "ONEFILE_SCRYPT_LOG_N": "14", **more}

    def session(self, name: str, **more: str) -> Session:
        """A wallet's session whose passphrase is ``pass``."""
        settings = dataclasses.replace(read_settings(self.environ(**more)), scrypt_log_n=10)  # proves no strength
        secret = self.folder / "passphrase"
        secret.write_text("pass")
        return Session(
            Profile.of("wallet", name, settings.home),
            settings,
            clock=self.clock,
            passphrase=PassphraseSource(secret),
            transport=self.transport,
            opener=lambda _settings, _record: self.ledger,
        )

    def holder(self, name: str = "alice", **more: Any) -> Session:
        """A wallet whose dossier is open."""
        session = self.session(name)
        order = enrolment.Order(kind=more.pop("kind", "person"), index=0, vault_url=ORIGIN, **more)
        enrolment.enrol(session, Mnemonic(PHRASES[name], "en"), Passphrase("pass"), order)
        self.tick()
        return session

    def agency(self, name: str, division: str, roles: tuple[int, ...], types: tuple[str, ...] = ()) -> Agency:
        """An agency that the governor admitted, with a card on chain and in the vault."""
        return Agency(self, name, division, roles, types)

    def issuer(self, name: str = "Human Resources", types: tuple[str, ...] = ("social-insurance-proof",)) -> Agency:
        return self.agency(name, "hr", (ROLE_ISSUER,), types)

    def bank(self, name: str = "City Bank") -> Agency:
        return self.agency(name, "bank", (ROLE_READER,))

    def authority(self, name: str = "Data Bureau") -> Agency:
        return self.agency(name, "bureau", (ROLE_SCENARIO,))


class Agency:
    """An agency as ``agency_cli`` will be one: keys, card, deposits, status list."""

    def __init__(self, stage: Stage, name: str, division: str, roles: tuple[int, ...], types: tuple[str, ...]) -> None:
        self.stage, self.name = stage, name
        self.keys = Keys.first("agency", Root(hashlib.sha256(name.encode()).digest()), account(name))
        self.account = self.keys.hot.address
        self.present = self.keys.present(1)
        self.statuses = StatusList.empty()
        governor = stage.chain.ledger(account("governor").address)
        governor.admit_agency(self.account, name, division)
        for role in roles:
            governor.set_role(self.account, role)
        for kind in types:
            governor.allow_issue(self.account, kind)
        domain, sealing = stage.domain("agency_registry"), self.keys.sealing(1).recipient().public
        card = first_card(agency_subject(self.account), self.present.public_jwk(), sealing, valid_from=stage.clock.now())
        signature = self.keys.hot.sign_digest(card.digest(domain))
        self.card = seal_card(card, domain, self.present, sealing, signature)
        self.card_hash = card.digest(domain)
        governor.publish_agency_card(card, signature)
        stage.tick()
        self.api = VaultApi(Http(ORIGIN, clock=stage.clock, signer=self.present, transport=stage.transport))
        self.api.put_agency_card(self.account, wire.Card(card=self.card.to_json()), self.present)

    @property
    def urn(self) -> str:
        deployment = self.stage.ledger.deployment
        return agency_urn(deployment.chain_id, deployment.contracts.agency_registry, self.account)

    def publish_statuses(self) -> None:
        token = self.statuses.token(
            iss=self.urn, uri=status_uri(self.account, 0), iat=self.stage.clock.now(), lifetime_s=86_400
        )
        self.api.put_status_list(self.account, 0, sign_status_token(token, self.present))

    def issue(
        self,
        token: str | None,
        card: KeyCardEnvelope,
        *,
        kind: str = "social-insurance-proof",
        fields: dict[str, Any] | None = None,
        documents: tuple[tuple[str, bytes], ...] = (("证明.pdf", PDF),),
        supersedes: str | None = None,
        **changes: Any,
    ) -> bytes:
        """Issue and deposit a credential to the holder of ``card``; the item's id."""
        self.stage.clock.time += 1  # each status token is newer than the one before
        now = self.stage.clock.now()
        subject = card.card.subject
        index = self.statuses.allocate()
        self.publish_statuses()
        request = CredentialRequest(
            licence=licence_type(kind),
            issuer=self.urn,
            issued_at=now,
            subject=subject,
            key=card.present_key,
            status=StatusRef(status_uri(self.account, 0), index),
            certificate=CertificateData(
                number="SB-001",
                serial="SB001",
                revision=1,
                dept_name=self.name,
                dept_code=DEPT_CODE,
                issue_date=date(2026, 9, 21),
                effective_date=date(2026, 9, 21),
                expiring_date=date(2030, 9, 20),
                supersedes=supersedes,
            ),
            holder={"name": "王小明", "identity_type": "居民身份证", "identity_number": "110101199003074514"},
            fields=fields or INSURANCE,
            files=tuple(FileEntry(n, "application/pdf", len(d), sha256(d), sm3(d)) for n, d in documents),
        )
        self.last_index = index
        raw = issue_credential(request, changes.pop("signer", self.present))
        return self.deposit(token, card, raw, documents, **changes)

    def deposit(
        self,
        token: str | None,
        card: KeyCardEnvelope,
        raw: str,
        documents: tuple[tuple[str, bytes], ...],
        sealed_documents: tuple[bytes, ...] | None = None,
    ) -> bytes:
        reader = HybridRecipient(card.sealing_key)
        plain = [raw.encode(), *(sealed_documents or tuple(data for _name, data in documents))]
        sealed = [seal_bytes(data, [reader]) for data in plain]
        salt, item = secrets.token_bytes(32), draw_id()
        slip = Slip(
            jti=b64u(secrets.token_bytes(16)),
            iat=self.stage.clock.now(),
            iss=self.urn,
            aud=self.stage.vault.origin,
            dossier=card.card.subject,
            item=item,
            item_commitment=item_commitment(salt, raw.split("~", maxsplit=1)[0]),
            card=card.card.digest(self.stage.domain("dossier_registry")),
            objects=tuple(_object(s) for s in sealed),
        )
        for part in sealed:
            self._upload(part)
        self.api.deposit(
            wire.Deposit(
                slip=sign_slip(slip, self.present),
                headers=[b64u(s.header) for s in sealed],
                item_salt=b64u(salt),
                card_token=token,
            )
        )
        return item

    def _upload(self, part: Sealed) -> None:
        self.api.upload(sha256(part.payload), lambda: io.BytesIO(part.payload), len(part.payload))


def _object(sealed: Sealed) -> SlipObject:
    return SlipObject(sha256(sealed.payload), len(sealed.payload), sha256(sealed.header))


INSURANCE = {
    "insured_region": "威海市",
    "insurance_kinds": "养老、医疗、失业",
    "insured_since": "2012-07-01",
    "months_paid": 160,
    "contribution_base": 850_000,
    "employer_name": "某公司",
    "insured_status": "正常",
    "paid_last_12_months": True,
}


def card_of(session: Session) -> KeyCardEnvelope:
    """The holder's newest key card as an issuer gets it."""
    return KeyCardEnvelope.from_json(session.public_api.card(session.party.subject).card)


def flip(stage: Stage, digest: bytes, at: int = 100) -> Callable[[], None]:
    """Flip one stored bit of a payload; what is returned flips it back."""
    name = next(name for name, data in stage.blobs.objects.items() if sha256(data) == digest)

    def turn() -> None:
        data = stage.blobs.objects[name]
        stage.blobs.objects[name] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    turn()
    return turn
