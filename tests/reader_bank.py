"""The world of a reader: a bank with a profile of its own, an in-process vault on an in-memory chain, an issuer.

Everything is real but the outside world: the vault answers over its ASGI application, keys and signatures are genuine.
``lie`` changes what the vault says on its way to the bank. What the holder hands over is in ``tests/reader_stage.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from agency_cli.services.release import Released, ReleaseOrder, release
from agency_cli.services.scan import Scanned, ScanOrder, scan
from agency_cli.services.uses import Use, Uses
from chain.ledger import LedgerReads
from client import deployment as deployments
from client.checks import Desk, open_desk
from client.keystore import Keys
from client.profile import Party as ClientParty
from client.profile import Profile
from client.session import Session
from client.settings import read_settings
from protocol.encoding import b64u, hex0x
from protocol.grant import GrantEnvelope
from protocol.hashing import ZERO32
from protocol.identifiers import agency_subject
from protocol.licence_types import licence_type
from protocol.receipts import Officer
from protocol.slips import item_commitment
from protocol.status_list import StatusList, sign_status_token, status_uri
from tests import credential_samples as samples
from tests.vault_stage import ORIGIN_URL, Deposit, Party, VaultStage, raw_scenario

PDF = b"%PDF-1.7 proof of social insurance " * 4000  # three chunks of 64 KiB
CLAIMS = ("/files/0", "/insured_region", "/months_paid")
Answer = httpx2.Response
Lie = Callable[[httpx2.Request, Answer], Answer]


class Bridge(httpx2.BaseTransport):
    """Carries requests into the vault's application, and lets lies be told on the way back."""

    def __init__(self, stage: VaultStage) -> None:
        self._stage = stage
        self.lies: list[Lie] = []
        self.requests: list[httpx2.Request] = []
        self.down = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.down:
            raise httpx2.ConnectError("nobody is there", request=request)
        got = self._stage.client.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        answer = httpx2.Response(got.status_code, headers=dict(got.headers), content=got.content)
        for lie in self.lies:
            answer = lie(request, answer)
        return answer


class DeskClock:
    """The bank's clock: the vault's, and sleeping moves both."""

    def __init__(self, stage: VaultStage) -> None:
        self._stage = stage
        self.on_sleep: Callable[[], object] = lambda: None

    def now(self) -> int:
        return self._stage.clock.now()

    def sleep(self, seconds: float) -> None:
        self._stage.clock.advance(max(1, round(seconds)))
        self.on_sleep()


@dataclass
class Issued:
    """An item in the holder's dossier: the credential, its documents, and how it stands in the log."""

    credential: str
    deposit: Deposit
    files: tuple[bytes, ...]
    status_index: int

    @property
    def item(self) -> bytes:
        return self.deposit.item

    @property
    def id(self) -> str:
        return b64u(self.deposit.item)

    def payload(self, number: int = 0) -> bytes:
        """Digest of a document's payload."""
        return self.deposit.slip.objects[number + 1].payload


@dataclass
class Given:
    """A grant that was posted."""

    envelope: GrantEnvelope
    parcels: list[bytes]
    secret: bytes

    @property
    def id(self) -> str:
        return self.envelope.id


class BankStage:
    """Issuer, authority, holder, bank; the bank's ``session``. ``item`` and ``out`` are what fixtures lay ready."""

    item: Issued
    out: Path

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault = VaultStage(folder / "vault", show_delivery_s=20)
        self.chain = self.vault.chain
        self.issuer = self.vault.agency(
            "human resources", 1, division="hr-bureau", types=("social-insurance-proof", "diploma")
        )
        self.bank = self.vault.bank()
        self.authority = self.vault.authority()
        self.alice = self.vault.holder()
        self.lists = StatusList.empty()
        self._published: dict[bytes, int] = {}
        self.scenario = self.post_scenario()
        self.bridge = Bridge(self.vault)
        self.clock = DeskClock(self.vault)
        self.sessions: list[Session] = []
        self.session = self.open_session(self.bank, "bank")

    def close(self) -> None:
        for session in self.sessions:
            session.close()
        self.vault.close()

    # --- the bank -------------------------------------------------------------------------------------

    def open_session(self, party: Party, name: str) -> Session:
        """A profile of an agency, with its keys opened."""
        environ = {"ONEFILE_HOME": str(self.folder / "home"), "ONEFILE_VAULT_URL": ORIGIN_URL}
        session = Session(
            Profile.of("agency", name, self.folder / "home"),
            read_settings(environ),
            clock=self.clock,
            transport=self.bridge,
            opener=self._ledger,
        )
        record = self.chain.deployment.with_log(self.vault.origin, self.vault.vault.log.vkey)
        session.profile.make()
        deployments.pin(session.profile, record)
        session.save_party(
            ClientParty(
                kind="agency",
                subject=agency_subject(party.address),
                owner=party.address,
                controller=party.address,
                salt=ZERO32,
                index=0,
                language="",
                chain_id=record.chain_id,
                registry=record.contracts.agency_registry,
                vault_url=ORIGIN_URL,
                card_seq=party.seq,
                opened=True,
            )
        )
        session.use_keys(Keys.first("agency", party.root, party.account))
        self.sessions.append(session)
        return session

    def desk(self) -> Desk:
        return open_desk(self.session)

    def lie(self, path: str, change: Callable[[Any], Any]) -> None:
        """Change the JSON (or, for other answers, the bytes) of every success whose path has ``path`` in it."""

        def tell(request: httpx2.Request, answer: Answer) -> Answer:
            if path not in request.url.path or not answer.is_success:
                return answer
            if answer.headers.get("content-type", "").startswith("application/json"):
                return httpx2.Response(answer.status_code, json=change(json.loads(answer.content)))
            return httpx2.Response(answer.status_code, headers=answer.headers, content=change(answer.content))

        self.bridge.lies.append(tell)

    def refuse(self, path: str, status: int = 503) -> None:
        """Let the vault fail on a path."""

        def tell(request: httpx2.Request, answer: Answer) -> Answer:
            return httpx2.Response(status) if path in request.url.path else answer

        self.bridge.lies.append(tell)

    def posts(self, path: str) -> int:
        """How many requests with ``path`` in theirs the vault got."""
        return sum(path in request.url.path for request in self.bridge.requests)

    def order(self, given: Given, **changes: Any) -> ReleaseOrder:
        """An order for all of a grant, into ``out``."""
        return replace(ReleaseOrder(given.id, self.out, Officer("credit-officer", "desk 4")), **changes)

    def release(self, given: Given, **changes: Any) -> Released:
        """One use by the bank."""
        return release(self.session, self.desk(), self.order(given, **changes))

    def scan(self, code: str, **changes: Any) -> Scanned:
        """One scan at the bank's window."""
        order = ScanOrder(code, "small-loan", Officer("teller", "window 1"))
        return scan(self.session, self.desk(), replace(order, **changes))

    def uses(self) -> list[Use]:
        """The receipts that the bank has on disk."""
        return list(Uses(self.session.profile.folder))

    def _ledger(self, *_: object) -> LedgerReads:
        return self.chain.ledger(self.bank.address)

    # --- issuing ----------------------------------------------------------------------------------------

    def post_scenario(self, **changes: Any) -> str:
        """A scenario of the authority, in the vault; its JWS."""
        raw = raw_scenario(self.vault.a_scenario(self.authority, **changes), self.authority)
        answer = self.vault.post(self.authority, "/v1/scenarios", {"scenario": raw})
        assert answer.status_code == 201, answer.text
        return raw

    def issue(self, *files: bytes, issuer: Party | None = None, **changes: Any) -> Issued:
        """A credential with documents, deposited, logged, and with a published status."""
        by, now = issuer or self.issuer, self.vault.clock.now()
        index = self.lists.allocate()
        names = ("证明.pdf", "photo.jpg", "third.bin")
        given = {
            "issuer": self.vault.urn(by),
            "issued_at": now,
            "subject": self.alice.dossier,
            "key": self.alice.present.public_jwk(),
            "status": replace(samples.request().status, uri=status_uri(by.address, 0), idx=index),
            "files": tuple(samples.file_entry(name, data) for name, data in zip(names, files, strict=False)),
            "certificate": samples.certificate(expiring_date=None),
            **changes,
        }
        raw = samples.issue_credential(samples.request(**given), by.present)
        deposit = self.alice.deposit(by, raw.encode(), *files)
        commitment = item_commitment(deposit.salt, raw.split("~")[0])
        deposit.slip = replace(deposit.slip, item_commitment=commitment)
        answer = deposit.send()
        assert answer.status_code == 201, answer.text
        self.publish_status(by)
        return Issued(raw, deposit, files, index)

    def issue_diploma(self, *files: bytes) -> Issued:
        """Another kind of credential."""
        fields = {
            "school": "山东大学",
            "major": "法学",
            "level": "本科",
            "study_mode": "全日制",
            "enrolment_date": "2016-09-01",
            "graduation_date": "2020-06-30",
            "graduation_status": "毕业",
        }
        return self.issue(*files, licence=licence_type("diploma"), fields=fields)

    def publish_status(self, by: Party | None = None, **changes: Any) -> None:
        """Sign the status list as it stands and bring it to the vault; a token is newer than the one before."""
        party, before = by or self.issuer, self._published.get((by or self.issuer).address, 0)
        if self.vault.clock.now() <= before:
            self.vault.clock.advance(1)
        now = self._published[party.address] = self.vault.clock.now()
        token = self.lists.token(
            iss=self.vault.urn(party), uri=status_uri(party.address, 0), iat=now, lifetime_s=86_400
        )
        raw = sign_status_token(replace(token, **changes), party.present)
        answer = self.vault.put(party, f"/v1/status-lists/{hex0x(party.address)}/0", {"token": raw})
        assert answer.status_code in {200, 201}, answer.text

    def pass_time(self, seconds: int) -> None:
        """Let everybody's clock go on, and the vault hear of the chain."""
        self.vault.clock.advance(seconds)
        self.chain.mine()
        self.vault.follow()

    def anchor(self) -> None:
        """Anchor the newest head on chain."""
        self.vault.publish()
        self.vault.follow()
        self.vault.publish()
