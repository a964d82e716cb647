"""A vault to play on, in one process: in-memory ledger, SQLite and folder below a temporary path, a clock that stands.

Parties have real keys and speak signed HTTP through the ASGI application; nothing of the vault is replaced but its
outside world. The threads beside the sequencer do not run by themselves: ``follow``, ``publish`` and ``sweep`` do one
round.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from chain.memory import MemoryChain
from chain.values import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from client.http import sign_headers
from protocol import http_sig
from protocol.dossier_messages import OpenDossier
from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x
from protocol.entries import origin_hash
from protocol.envelope import seal_bytes
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem, nullifier_of, revocation_secret
from protocol.hashing import ZERO32, sha256
from protocol.identifiers import agency_subject, agency_urn, dossier_id, dossier_urn
from protocol.keycard import KeyCard, KeyCardEnvelope, first_card, next_card, seal_card
from protocol.keys import AccountKey, PresentKey, Root, derive_present, derive_sealing
from protocol.recipients import HybridIdentity
from protocol.receipts import Officer, Receipt, ReceiptItem, sign_receipt
from protocol.scenario import Scenario, parse_scenario, sign_scenario
from protocol.slips import Slip, SlipObject, item_commitment, sign_slip
from protocol.statements import CardToken, Statement, sign_card_token, sign_statement
from tests.scenario_samples import SCENARIO
from vault_api.app import create_app
from vault_api.blobs import BlobStore, open_blobs
from vault_api.build import Outside, build_vault
from vault_api.clock import FixedClock
from vault_api.db.engine import open_engine
from vault_api.db.migrate import migrate
from vault_api.db.tables import metadata
from vault_api.loops import Following, Housekeeping, Publishing
from vault_api.settings import Settings
from vault_api.vault import Vault

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
                self.cards[-1], domain, self.present.public_jwk(), self.sealing.recipient().public, valid_from=now
            )
        else:
            card = first_card(subject, self.present.public_jwk(), self.sealing.recipient().public, valid_from=now)
        signature = self.account.sign_digest(card.digest(domain))
        envelope = seal_card(card, domain, self.present, self.sealing.recipient().public, signature)
        self.cards.append(card)
        self.envelopes.append(envelope)
        return envelope


class VaultStage:
    """The stage. ``client`` is the HTTP client; ``vault`` the parts behind it."""

    def __init__(
        self,
        folder: Path,
        *,
        blobs: BlobStore | None = None,
        chain: MemoryChain | None = None,
        on_step: Callable[[str], None] = lambda _step: None,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.clock = FixedClock(T0)
        self.governor = AccountKey(seed("governor"))
        self.relayer = AccountKey(seed("relayer"))
        self.chain = chain or MemoryChain(governor=self.governor.address, clock=self.clock.now)
        given: dict[str, Any] = {"home": folder, "public_origin": ORIGIN_URL, "sequencer_wait_s": 20.0, **settings}
        self.settings = Settings(**given)
        lay_schema(self.settings)
        self.outside = Outside(
            self.chain.ledger(self.relayer.address),
            open_engine(self.settings.database),
            blobs or open_blobs(self.settings.blobs),
            self.clock,
            on_step,
        )
        self.vault: Vault = build_vault(self.settings, self.outside)
        self.vault.sequencer.start()
        self.following = Following(self.vault)
        self.publishing = Publishing(self.vault)
        self.housekeeping = Housekeeping(self.vault)
        self.follow()
        self.client = TestClient(create_app(self.vault), base_url=ORIGIN_URL, raise_server_exceptions=False)
        self.client.__enter__()  # one event loop for all requests

    def close(self) -> None:
        self.client.__exit__(None, None, None)
        self.vault.sequencer.stop()
        self.vault.engine.dispose()

    # --- what is there ----------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Every row that a party's request may change, and every blob: to show that nothing was left behind.

        Left out: nonces (a refused request's is remembered too) and what is read of the chain.
        """
        found: dict[str, Any] = {}
        with self.vault.engine.connect() as conn:
            for table in metadata.sorted_tables:
                if table.name not in {"nonces", "chain_facts", "chain_blocks"}:
                    found[table.name] = [tuple(row) for row in conn.execute(table.select())]
        blobs = self.folder / "vault" / "blobs"
        found["blobs"] = sorted(str(path.relative_to(blobs)) for path in blobs.rglob("*") if path.is_file())
        return found

    # --- the threads, one round at a time ---------------------------------------------------------

    def follow(self) -> None:
        self.following.round()

    def publish(self) -> Any:
        return self.publishing.round()

    def sweep(self) -> None:
        self.housekeeping.round()

    # --- who is who -------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        return self.vault.origin

    def urn(self, party: Party) -> str:
        return agency_urn(self.vault.chain_id, self.vault.contracts.agency_registry, party.address)

    def agency(
        self, name: str, *roles: int, division: str = "bank", types: tuple[str, ...] = (), card: bool = True
    ) -> Party:
        """Admit an agency with roles and licence types, publish its card and bring it to the vault."""
        party = Party(name)
        governor = self.chain.ledger(self.governor.address)
        governor.admit_agency(party.address, name, division)
        for role in roles:
            governor.set_role(party.address, role)
        for licence_type in types:
            governor.allow_issue(party.address, licence_type)
        if card:
            self.publish_agency_card(party)
        self.follow()
        return party

    def publish_agency_card(self, party: Party) -> Any:
        envelope = party.make_card(agency_subject(party.address), self.vault.agency_domain, self.clock.now())
        self.chain.ledger(self.relayer.address).publish_agency_card(envelope.card, envelope.account_signature)
        return self.put(
            party, f"/v1/agencies/{hex0x(party.address)}/card", {"card": envelope.to_json()}
        )

    def issuer(self, name: str = "human resources") -> Party:
        return self.agency(name, ROLE_ISSUER, division="hr-bureau", types=("social-insurance-proof",))

    def bank(self, name: str = "bank", **given: Any) -> Party:
        return self.agency(name, ROLE_READER, **given)

    def authority(self) -> Party:
        return self.agency("authority", ROLE_SCENARIO, division="data-bureau")

    def holder(self, name: str = "alice") -> Holder:
        """Somebody with a dossier on chain and in the vault."""
        holder = Holder(self, name)
        opened = holder.open()
        assert opened.status_code == 201, opened.text
        return holder

    def scenario(self, authority: Party, **changes: Any) -> Scenario:
        """A scenario of the authority, brought to the vault."""
        scenario = self.a_scenario(authority, **changes)
        answer = self.post(authority, "/v1/scenarios", {"scenario": sign_scenario(scenario, authority.present)})
        assert answer.status_code == 201, answer.text
        return scenario

    def a_scenario(self, authority: Party, **changes: Any) -> Scenario:
        given = {"authority": self.urn(authority), "effective": T0 - DAY, "expires": T0 + 365 * DAY, **changes}
        return replace(SCENARIO, **given)

    # --- HTTP -------------------------------------------------------------------------------------

    def get(self, party: Party | None, path: str, **options: Any) -> Any:
        return self.send(party, "GET", path, **options)

    def post(self, party: Party | None, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return self.send(party, "POST", path, json=body, **options)

    def put(self, party: Party | None, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return self.send(party, "PUT", path, json=body, **options)

    def upload(self, party: Party, payload: bytes, *, path: str | None = None, **options: Any) -> Any:
        name = path or b64u(sha256(payload))
        return self.send(party, "PUT", f"/v1/payloads/{name}", content=payload, **options)

    def send(
        self,
        party: Party | None,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        created: int | None = None,
        nonce: str | None = None,
        key: str | None = None,
        digest: bytes | None = None,
        signer: Any = None,
        url: str | None = None,
    ) -> Any:
        """One request; ``party`` None: unsigned. The rest is for requests that are wrong on purpose."""
        body = content if content is not None else (b"" if json is None else dumps_json(json))
        sent = dict(headers or {})
        if json is not None:
            sent["content-type"] = "application/json"
        if party is not None:
            sent |= self.signed(party, method, path, body, sent, created, nonce, key, digest, signer, url)
        return self.client.request(method, ORIGIN_URL + path, content=body, headers=sent)

    def signed(
        self,
        party: Party,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        created: int | None = None,
        nonce: str | None = None,
        key: str | None = None,
        digest: bytes | None = None,
        signer: Any = None,
        url: str | None = None,
    ) -> dict[str, str]:
        """The headers that sign a request."""
        covered: dict[str, str] = {}
        if body or digest is not None:
            covered["content-digest"] = http_sig.content_digest(digest or sha256(body))
        if method in http_sig.WRITES:
            covered["idempotency-key"] = key or http_sig.token(secrets.token_bytes(16))
        if "onefile-act-for" in headers:
            covered["onefile-act-for"] = headers["onefile-act-for"]
        made = sign_headers(
            method,
            url or ORIGIN_URL + path,
            covered,
            signer or party.present,
            self.clock.now() if created is None else created,
            nonce,
        )
        return covered | made


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

    def __init__(self, holder: Holder, issuer: Party, contents: tuple[bytes, ...], changes: dict[str, Any]) -> None:
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
            document: seal_bytes(b"file key", [bank.sealing.recipient()]).header for document in deposit.documents
        }
        now = stage.clock.now()
        scope = ScopeItem(deposit.item, "insurance", sha256(self.parcel), ("/months_paid",), deposit.documents)
        grant = AccessGrant(
            grant_id=self.id,
            log=origin_hash(stage.origin),
            dossier=holder.dossier,
            grant_epoch=stage.chain.ledger(stage.relayer.address).dossier(holder.dossier).grant_epoch,  # type: ignore[union-attr]
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


@cache
def _empty_database() -> bytes:
    """A migrated SQLite file: migrating takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/vault.db")
        migrate(engine)
        engine.dispose()
        return (Path(folder) / "vault.db").read_bytes()


def lay_schema(settings: Settings) -> None:
    """Put a migrated database where the vault will look for it, unless there is one."""
    path = settings.vault_home / "vault.db"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_empty_database())


def dumps_json(value: Mapping[str, Any]) -> bytes:
    import json

    return json.dumps(value).encode()


@contextmanager
def unchanged(stage: VaultStage) -> Iterator[None]:
    """What happens inside leaves the vault as it was."""
    before = stage.snapshot()
    yield
    assert stage.snapshot() == before


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem of a refusal with this status and code."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == "urn:onefile:problem:" + code
    assert "{" not in problem["detail"], problem["detail"]
    return problem


@contextmanager
def vault_stage(folder: Path, **given: Any) -> Iterator[VaultStage]:
    """A stage that is cleared away."""
    stage = VaultStage(folder, **given)
    try:
        yield stage
    finally:
        stage.close()


def raw_scenario(scenario: Scenario, authority: Party) -> str:
    """The bytes of a scenario as its authority signs them (ES256 signatures differ each time)."""
    return sign_scenario(scenario, authority.present)
