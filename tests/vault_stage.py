"""A vault to play on, in one process: in-memory ledger, SQLite and folder below a temporary path, a clock that stands.

Parties have real keys and speak signed HTTP through the ASGI application; nothing of the vault is replaced but its
outside world. The threads beside the sequencer do not run by themselves: ``follow``, ``publish`` and ``sweep`` do one
round.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from starlette.testclient import TestClient

from chain.memory import MemoryChain
from chain.values import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from client.http import sign_headers
from protocol import http_sig
from protocol.encoding import b64u, hex0x
from protocol.hashing import sha256
from protocol.identifiers import agency_subject, agency_urn
from protocol.keys import AccountKey
from protocol.scenario import Scenario, sign_scenario
from tests.scenario_samples import SCENARIO
from tests.vault_parties import DAY, FAR, HOUR, ORIGIN_URL, T0, Deposit, Grant, Holder, Party, seed
from vault_api.app import create_app
from vault_api.blobs import BlobStore, blobs_of
from vault_api.build import Outside, build_vault
from vault_api.clock import FixedClock
from vault_api.db.engine import open_engine
from vault_api.db.migrate import migrate
from vault_api.db.tables import metadata
from vault_api.loops import Following, Housekeeping
from vault_api.publishing import Publishing
from vault_api.settings import Settings
from vault_api.vault import Vault

__all__ = [
    "DAY",
    "FAR",
    "HOUR",
    "ORIGIN_URL",
    "T0",
    "Deposit",
    "Grant",
    "Holder",
    "Party",
    "VaultStage",
    "raw_scenario",
    "refused",
    "seed",
    "unchanged",
    "vault_stage",
]


def here(_folder: Path) -> dict[str, Any]:
    """The settings of a vault whose rows and blobs lie in its home."""
    return {}


elsewhere: Callable[[Path], dict[str, Any]] = here  # `make conformance` puts another in its place


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
        given: dict[str, Any] = {
            **elsewhere(folder),
            "home": folder,
            "public_origin": ORIGIN_URL,
            "sequencer_wait_s": 20.0,
            "address_requests_per_s": 0,  # a test asks faster than anybody may
            "caller_requests_per_s": 0,
            **settings,
        }
        self.settings = Settings(**given)
        lay_schema(self.settings)
        self.outside = Outside(
            self.chain.ledger(self.relayer.address),
            open_engine(self.settings.database),
            blobs or blobs_of(self.settings),
            self.clock,
            on_step,
        )
        try:
            self.vault: Vault = build_vault(self.settings, self.outside)
        except BaseException:
            self.outside.engine.dispose()
            raise
        self.vault.sequencer.start()
        self.following = Following(self.vault)
        self.publishing = Publishing(self.vault)
        self.housekeeping = Housekeeping(self.vault)
        self.follow()
        self.client = TestClient(
            create_app(self.vault),
            base_url=ORIGIN_URL,
            raise_server_exceptions=False,
            client=("127.0.0.1", 50_000),
        )
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
                if table.name not in {"nonces", "chain_facts", "chain_blocks", "chain_changes"}:
                    columns = [column for column in table.columns if column.name != "changes"]
                    found[table.name] = [tuple(row) for row in conn.execute(select(*columns))]
        found["blobs"] = sorted(self.vault.blobs.names(""))
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
        return self.put(party, f"/v1/agencies/{hex0x(party.address)}/card", {"card": envelope.to_json()})

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
        answer = self.post(
            authority, "/v1/scenarios", {"scenario": sign_scenario(scenario, authority.present)}
        )
        assert answer.status_code == 201, answer.text
        return scenario

    def a_scenario(self, authority: Party, **changes: Any) -> Scenario:
        given = {
            "authority": self.urn(authority),
            "effective": T0 - DAY,
            "expires": T0 + 365 * DAY,
            **changes,
        }
        return replace(SCENARIO, **given)

    # --- HTTP -------------------------------------------------------------------------------------

    def get(self, party: Party | None, path: str, **options: Any) -> Any:
        return self.send(party, "GET", path, **options)

    def post(
        self, party: Party | None, path: str, body: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        return self.send(party, "POST", path, json=body, **options)

    def put(
        self, party: Party | None, path: str, body: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
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


@cache
def _empty_database() -> bytes:
    """A migrated SQLite file: migrating takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/vault.db")
        migrate(engine)
        engine.dispose()
        return (Path(folder) / "vault.db").read_bytes()


def lay_schema(settings: Settings) -> None:
    """Put a migrated database where the vault will look for it, unless there is one or it lies elsewhere."""
    if settings.database_url:
        return
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
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
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
