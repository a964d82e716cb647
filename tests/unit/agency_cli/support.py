"""An agency's world for its tests: a ledger in memory, a vault that keeps what it is given, a holder who opens it.

The vault here knows the routes that an issuer uses and the refusals that matter to it; it trusts signatures, which
the client's own tests and the end-to-end tests check.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from agency_cli.services import enrolment, registration
from agency_cli.services.office import Office
from chain.ledger import ROLE_ISSUER, ROLE_SCENARIO
from chain.memory import MemoryChain
from client import deployment as deployments
from client.keystore import Keys
from client.passphrase import PassphraseSource
from client.profile import Profile
from client.session import Session
from client.settings import read_settings
from protocol import wire
from protocol.credential import open_credential
from protocol.dossier_messages import OpenDossier
from protocol.encoding import b64u, hex0x, unb64u, unhex0x
from protocol.entries import origin
from protocol.envelope import open_bytes
from protocol.hashing import sha256
from protocol.identifiers import agency_urn, dossier_id, dossier_urn
from protocol.keycard import KeyCard, KeyCardEnvelope, first_card, next_card, seal_card
from protocol.keys import AccountKey, Root, derive_present, derive_sealing
from protocol.note_signer import Ed25519NoteSigner
from protocol.recipients import Passphrase
from protocol.slips import parse_slip
from protocol.statements import CardToken, sign_card_token
from tests.chain_fixture import signer
from tests.unit.client.support import NOW, HandClock, answer, problem

VAULT = "http://127.0.0.1:8440"
CODE = "11370000MB2849999B"
DRIVING: dict[str, Any] = {
    "holder": {"name": "王小明", "identity_type": "居民身份证", "identity_number": "110101199003074514"},
    "vehicle_classes": "C1",
    "first_issue_date": "2015-06-01",
    "birth_date": "1990-03-07",
    "address": "威海市环翠区",
    "archive_number": "371000123456",
    "standing": "正常",
}


class HolderKeys:
    """A citizen with keys and a dossier; opens what was sealed to them."""

    def __init__(self, world: World, name: str = "alice") -> None:
        self.world = world
        self.root = Root(sha256(b"root", name.encode()))
        self.hot, self.cold = (AccountKey(sha256(word, name.encode())) for word in (b"hot", b"cold"))
        record = world.chain.deployment
        self.salt = sha256(b"salt")
        self.id = dossier_id(record.chain_id, record.contracts.dossier_registry, self.cold.address, self.salt)
        self.domain = deployments.dossier_domain(record)
        self.seq = 1

    def open(self) -> HolderKeys:
        """Open the dossier on chain and at the vault."""
        message = OpenDossier(self.cold.address, self.hot.address, self.salt, NOW + 10_000)
        card = first_card(self.id, derive_present(self.root, 1).public_jwk(), self._public(1), valid_from=NOW)
        ledger = self.world.chain.ledger(signer("relayer").account)
        ledger.open_dossier(message, self.cold.sign_digest(message.digest(self.domain)), card, self._signed(card))
        self.card = card
        self.world.vault.cards[self.id] = self.envelope()
        return self

    def renew(self, *, revoke_older: bool = False) -> None:
        """Publish the next key card, on chain and at the vault."""
        seq = self.seq + 1
        card = next_card(
            self.card,
            self.domain,
            derive_present(self.root, seq).public_jwk(),
            self._public(seq),
            valid_from=NOW,
            revoked_below=seq if revoke_older else None,
        )
        self.world.chain.ledger(signer("relayer").account).publish_dossier_card(card, self._signed(card))
        self.seq, self.card = seq, card
        self.world.vault.cards[self.id] = self.envelope()

    def envelope(self) -> KeyCardEnvelope:
        return seal_card(
            self.card, self.domain, derive_present(self.root, self.seq), self._public(self.seq), self._signed(self.card)
        )

    def token(self, world: World, *, age_s: int = 0, agency: bytes | None = None) -> str:
        """A card token for the agency of this world."""
        record = world.chain.deployment
        account = world.session.party.controller if agency is None else agency
        urn = agency_urn(record.chain_id, record.contracts.agency_registry, account)
        made = world.clock.now() - age_s
        token = CardToken(dossier_urn(self.id), urn, made, made + 600, self.card.digest(self.domain))
        return sign_card_token(token, derive_present(self.root, self.seq))

    def opened(self, deposit: dict[str, Any], pos: int = 0) -> bytes:
        """Object ``pos`` of a deposit that the vault took."""
        part = parse_slip(deposit["slip"]).body.objects[pos]
        header = unb64u(deposit["headers"][pos])
        assert sha256(header) == part.header
        return open_bytes(
            header,
            self.world.vault.payloads[part.payload],
            [derive_sealing(self.root, self.seq)],
            payload_sha256=part.payload,
        )

    def credential(self, deposit: dict[str, Any]) -> Any:
        """The credential of a deposit, opened."""
        return open_credential(self.opened(deposit).decode("ascii"))

    def _public(self, seq: int) -> bytes:
        return derive_sealing(self.root, seq).recipient().public

    def _signed(self, card: KeyCard) -> bytes:
        return self.hot.sign_digest(card.digest(self.domain))


@dataclass
class FakeVault:
    """Keeps what it is given, and answers a repeated write as it did before.

    ``broken``: answers to give instead, by method and the beginning of the path. ``lost``: beginnings of paths whose
    next answers are lost on the way after the work was done.
    """

    world: World
    cards: dict[bytes, KeyCardEnvelope] = field(default_factory=dict)
    payloads: dict[bytes, bytes] = field(default_factory=dict)
    deposits: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    scenarios: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    broken: dict[tuple[str, str], list[httpx2.Response | Exception]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    answered: dict[str, httpx2.Response] = field(default_factory=dict)
    payload_bytes: int = 1 << 30
    entries: int = 10

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        body = request.read()
        self.requests.append((request.method, path))
        for (method, start), queue in self.broken.items():
            if method == request.method and path.startswith(start) and queue:
                found = queue.pop(0)
                if isinstance(found, Exception):
                    raise found
                return found
        key = request.headers.get("idempotency-key", "")
        reply = self.answered.get(key) or self._work(request.method, path, body)
        if key:
            self.answered[key] = reply
        for start in self.lost:
            if path.startswith(start):
                self.lost.remove(start)
                raise httpx2.ReadTimeout("the answer was lost")
        kind = "application/json" if reply.content[:1] in {b"{", b"["} else "text/plain"
        return httpx2.Response(reply.status_code, content=reply.content, headers={"content-type": kind})

    def _work(self, asked: str, path: str, body: bytes) -> httpx2.Response:
        for pattern, method, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if match is not None and method == asked:
                reply: httpx2.Response = getattr(self, name)(body, *match.groups())
                return reply
        return problem(404, "denied", "not_found")

    def info(self, _body: bytes) -> httpx2.Response:
        record = self.world.chain.deployment
        contracts = {name: hex0x(getattr(record.contracts, name)) for name in record.contracts.__slots__}
        limits = {"payload_bytes": self.payload_bytes, "objects_per_item": 64, "page_rows": 200}
        log = self.world.log
        return answer(
            {
                "v": 1,
                "log_origin": log.name,
                "log_vkey": str(log.vkey),
                "public_origin": VAULT,
                "chain_id": record.chain_id,
                "contracts": contracts,
                "limits": limits,
                "version": "test",
                "time": self.world.clock.now(),
            }
        )

    def card(self, body: bytes) -> httpx2.Response:
        subject = unhex0x(json.loads(body)["subject"])
        if subject not in self.cards:
            return problem(404, "denied", "card_unknown")
        return answer({"card": self.cards[subject].to_json()})

    def cards_of(self, body: bytes) -> httpx2.Response:
        found = [self.cards.get(unhex0x(subject)) for subject in json.loads(body)["subjects"]]
        return answer({"cards": [card and {"card": card.to_json()} for card in found]})

    def relay(self, body: bytes) -> httpx2.Response:
        relay = wire.Relay.model_validate_json(body)
        assert (relay.contract, relay.function) == ("agency_registry", "publish_card")
        card = KeyCard.from_json(relay.message)
        sent = self.world.ledger("relayer").publish_agency_card(card, unhex0x(relay.signatures[0]))
        return answer({"transaction": hex0x(sent.hash), "block": sent.block.number})

    def agency_card(self, body: bytes, account: str) -> httpx2.Response:
        envelope = KeyCardEnvelope.from_json(json.loads(body)["card"])
        known = self.cards.get(envelope.card.subject)
        if known is not None and known.card == envelope.card:
            return problem(409, "conflict", "card_exists")
        self.cards[envelope.card.subject] = envelope
        return self.agency(b"", account)

    def agency(self, _body: bytes, account: str) -> httpx2.Response:
        state = self.world.ledger("anybody").agency(unhex0x(account))
        if state is None:
            return problem(404, "denied", "agency_unknown")
        card = self.cards.get(bytes(12) + state.account)
        return answer(
            {
                "account": account,
                "name": state.name,
                "division": state.division,
                "roles": [],
                "licence_types": [],
                "card": None if card is None else card.to_json(),
                "fact_age_s": 0,
            }
        )

    def agencies(self, _body: bytes) -> httpx2.Response:
        rows = [self.agency(b"", hex0x(state.account)) for state in self.world.ledger("anybody").agencies()]
        return answer({"rows": [json.loads(row.content) for row in rows], "next": None})

    def payload(self, body: bytes, name: str) -> httpx2.Response:
        digest = unb64u(name)
        assert sha256(body) == digest
        self.payloads[digest] = body
        return answer({"sha256": name, "size": len(body)}, 201)

    def deposit_batch(self, body: bytes) -> httpx2.Response:
        made = [self.deposit(json.dumps(one).encode()) for one in json.loads(body)["deposits"]]
        rows = [{"deposited" if one.status_code == 201 else "problem": json.loads(one.content)} for one in made]
        return answer({"rows": rows})

    def deposit(self, body: bytes) -> httpx2.Response:
        found = json.loads(body)
        for payload in map(unb64u, found.get("payloads", [])):
            self.payloads[sha256(payload)] = payload
        slip = parse_slip(found["slip"]).body
        if any(parse_slip(d["slip"]).body.jti == slip.jti for d in self.deposits):
            return problem(409, "conflict", "item_exists")
        if found.get("card_token") is None and not any(
            parse_slip(d["slip"]).body.dossier == slip.dossier for d in self.deposits
        ):
            return problem(403, "denied", "card_token_needed")
        if any(part.payload not in self.payloads for part in slip.objects):
            return problem(404, "denied", "payload_missing")
        self.deposits.append(found)
        return answer({"item": b64u(slip.item), "index": self._entry(), "at": self.world.clock.now()}, 201)

    def status(self, body: bytes, n: str) -> httpx2.Response:
        self.tokens[n] = json.loads(body)["token"]
        return answer({"index": self._entry()})

    def status_token(self, _body: bytes, n: str) -> httpx2.Response:
        return httpx2.Response(200, content=self.tokens[n].encode())

    def post_scenario(self, body: bytes) -> httpx2.Response:
        self.scenarios.append(json.loads(body)["scenario"])
        return answer(self._scenario(len(self.scenarios) - 1), 201)

    def get_scenario(self, _body: bytes, wanted: str) -> httpx2.Response:
        rows = [self._scenario(i) for i in range(len(self.scenarios))]
        found = [row for row in rows if row["hash"] == wanted]
        return answer(found[0]) if found else problem(404, "denied", "scenario_unknown")

    def list_scenarios(self, _body: bytes) -> httpx2.Response:
        return answer({"rows": [self._scenario(i) for i in range(len(self.scenarios))], "next": None})

    def _scenario(self, i: int) -> dict[str, Any]:
        raw = self.scenarios[i]
        return {"hash": b64u(sha256(raw.encode())), "scenario": raw, "index": 100 + i}

    def _entry(self) -> int:
        self.entries += 1
        return self.entries


ROUTES = (
    (r"/v1/info", "GET", "info"),
    (r"/v1/cards/query", "POST", "card"),
    (r"/v1/cards/batch", "POST", "cards_of"),
    (r"/v1/relay", "POST", "relay"),
    (r"/v1/agencies", "GET", "agencies"),
    (r"/v1/agencies/(0x[0-9a-f]{40})/card", "PUT", "agency_card"),
    (r"/v1/agencies/(0x[0-9a-f]{40})", "GET", "agency"),
    (r"/v1/payloads/([A-Za-z0-9_-]{43})", "PUT", "payload"),
    (r"/v1/deposits", "POST", "deposit"),
    (r"/v1/deposits/batch", "POST", "deposit_batch"),
    (r"/v1/status-lists/0x[0-9a-f]{40}/([0-9]+)", "PUT", "status"),
    (r"/v1/status-lists/0x[0-9a-f]{40}/([0-9]+)", "GET", "status_token"),
    (r"/v1/scenarios", "POST", "post_scenario"),
    (r"/v1/scenarios", "GET", "list_scenarios"),
    (r"/v1/scenarios/([A-Za-z0-9_-]{43})", "GET", "get_scenario"),
)


class World:
    """Chain, vault and the session of one agency below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.chain = MemoryChain(governor=signer("governor").account, clock=self.clock.now)
        record = self.chain.deployment
        self.log = Ed25519NoteSigner(origin(record.chain_id, record.contracts.archive_log, "main"), bytes(32))
        self.ledger("owner").open_log("main", b"entry 0", str(self.log.vkey), signer("publisher").account)
        self.vault = FakeVault(self)
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("correct horse\n")
        self.record = folder / "deployment.json"
        self.record.write_bytes(record.serialise())
        self._keys: dict[Path, Keys] = {}
        self.session = self.again()

    def ledger(self, name: str) -> Any:
        return self.chain.ledger(signer(name).account)

    def again(self, profile: str = "default", *, locked: bool = False) -> Session:
        """A new run of the program. Opening keys is slow by design: only a ``locked`` run does it."""
        environ = {
            "ONEFILE_HOME": str(self.folder / "home"),
            "ONEFILE_VAULT_URL": VAULT,
            "ONEFILE_SCRYPT_LOG_N": "14",
            "ONEFILE_DEPLOYMENT_FILE": str(self.record),
        }
        settings = read_settings(environ)
        self.session = Session(
            Profile.of("agency", profile, settings.home),
            settings,
            clock=self.clock,
            passphrase=PassphraseSource(self.passphrase),
            transport=httpx2.MockTransport(self.vault),
            opener=lambda _settings, _record: self.ledger("reader"),
        )
        known = self._keys.get(self.session.profile.folder)
        if known is not None and not locked:
            self.session.use_keys(known)
        return self.session

    def enrol(self, name: str = "威海市公安局", code: str = CODE) -> World:
        """Make the agency's profile."""
        order = enrolment.Order(Office(name, code), self.chain.deployment, VAULT)
        enrolment.enrol(self.session, order, Passphrase("correct horse"))
        self._keys[self.session.profile.folder] = self.session.keys
        return self

    def admit(self, *types: str, scenario: bool = False) -> World:
        """Have the governor admit the agency, as an issuer of these types."""
        account, governor = self.session.party.controller, self.ledger("governor")
        governor.admit_agency(account, "威海市公安局", "371000")
        if types:
            governor.set_role(account, ROLE_ISSUER)
        for kind in types:
            governor.allow_issue(account, kind)
        if scenario:
            governor.set_role(account, ROLE_SCENARIO)
        return self

    def register(self) -> World:
        registration.register(self.session)
        return self

    def issuer(self, *types: str) -> World:
        """An agency that may issue, all set up."""
        return self.enrol().admit(*(types or ("driving-licence",))).register()

    def write(self, name: str, value: Any) -> Path:
        """A file of the operator's: JSON, or bytes as they are."""
        path = self.folder / name
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode())
        return path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
