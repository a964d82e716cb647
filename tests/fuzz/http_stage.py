"""A real chain and a real vault on 127.0.0.1, with parties whose keys we have, so that calls get beyond 401.

``Parties`` is a ``VaultStage`` whose vault is another process: the same holders, deposits and grants speak HTTP to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2

from chain.deployment import Deployment
from chain.ethereum import connect
from chain.files import read_deployment
from chain.ledger import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from chain.signer import TxSigner
from protocol.encoding import b64u, hex0x, unb64u
from protocol.hashing import sha256
from protocol.identifiers import agency_subject
from protocol.scenario import sign_scenario
from scripts.demo.teller import base_env
from scripts.processes import Children, free_port
from scripts.stack import Stack
from tests.vault_parties import DAY, Holder, Party
from tests.vault_stage import VaultStage, dumps_json

PAYLOAD = bytes(range(64))  # of an upload that was begun
SEEN_S = 20.0
LOOK_S = 0.2


class NowClock:
    """The vault's clock is this machine's."""

    def now(self) -> int:
        return int(time.time())


class Parties(VaultStage):
    """Parties of a vault that runs elsewhere, at ``origin_url``, on the chain that ``home`` records."""

    def __init__(self, home: Path, origin_url: str, rpc_url: str) -> None:
        self.origin_url = origin_url
        self.patience_s = SEEN_S  # while what is on chain has still to be seen
        self.clock = NowClock()  # type: ignore[assignment]  # a clock in all that a party asks of it
        deployment = read_deployment(home / "deployment.json")
        self.ledger = connect(deployment, rpc_url, TxSigner.from_file(home / "chain" / "governor.key"))
        self.client = httpx2.Client(timeout=30.0, trust_env=False)  # type: ignore[assignment]  # what `send` needs of it
        self.relayer = SimpleNamespace(address=b"")  # type: ignore[assignment]  # the governor pays here
        self.chain = SimpleNamespace(ledger=lambda _account: self.ledger)  # type: ignore[assignment]  # the same ledger for all
        self.vault = _seen_by_parties(deployment)

    def close(self) -> None:
        self.client.close()

    def follow(self) -> None:
        """The vault follows by itself."""

    def send(self, party: Party | None, method: str, path: str, **options: Any) -> Any:
        """One request, again while the vault has not seen the chain's last block yet."""
        until = time.monotonic() + self.patience_s
        while True:
            answer = self._once(party, method, path, **options)
            if answer.status_code < 400 or time.monotonic() > until:
                return answer
            time.sleep(LOOK_S)

    def _once(
        self,
        party: Party | None,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        content: bytes | None = None,
    ) -> Any:
        body = content if content is not None else (b"" if json is None else dumps_json(json))
        headers = {"content-type": "application/json"} if json is not None else {}
        if party is not None:
            headers |= self.signed(party, method, path, body, headers, url=self.origin_url + path)
        return self.client.request(method, self.origin_url + path, content=body, headers=headers)

    def agency(self, name: str, *roles: int, division: str = "bank", types: tuple[str, ...] = (), **_: Any) -> Party:
        party = Party(name)
        self.ledger.admit_agency(party.address, name, division)
        for role in roles:
            self.ledger.set_role(party.address, role)
        for licence_type in types:
            self.ledger.allow_issue(party.address, licence_type)
        envelope = party.make_card(agency_subject(party.address), self.vault.agency_domain, self.clock.now())
        self.ledger.publish_agency_card(envelope.card, envelope.account_signature)
        answer = self.put(party, f"/v1/agencies/{hex0x(party.address)}/card", {"card": envelope.to_json()})
        assert answer.status_code == 200, answer.text
        return party


def _seen_by_parties(deployment: Deployment) -> Any:
    from client.deployment import agency_domain, dossier_domain, grant_domain
    from protocol.identifiers import agency_urn

    assert deployment.log is not None
    return SimpleNamespace(
        chain_id=deployment.chain_id,
        contracts=deployment.contracts,
        origin=deployment.log.origin,
        agency_domain=agency_domain(deployment),
        dossier_domain=dossier_domain(deployment),
        grant_domain=grant_domain(deployment),
        agency_urn=lambda account: agency_urn(deployment.chain_id, deployment.contracts.agency_registry, account),
    )


@dataclass(frozen=True)
class World:
    """Who there is, and the ids that a path may name."""

    parties: Parties
    holder: Holder
    issuer: Party
    bank: Party
    authority: Party
    ids: dict[str, list[str]]
    grant: Any
    receipt: str  # of the grant's one use
    scenario: str
    checkpoint: str
    proof: str
    entry: bytes


def populated(parties: Parties) -> World:
    """An authority with a scenario, an issuer, a bank, and a holder with a deposit, a grant, a use and an open show."""
    authority = parties.agency("authority", ROLE_SCENARIO, division="data-bureau")
    issuer = parties.agency("issuer", ROLE_ISSUER, division="hr-bureau", types=("social-insurance-proof",))
    bank = parties.agency("bank", ROLE_READER)
    holder = parties.holder("alice")
    now = parties.clock.now()
    scenario = parties.a_scenario(authority, effective=now - DAY, expires=now + 365 * DAY)
    raw = sign_scenario(scenario, authority.present)
    answer = parties.post(authority, "/v1/scenarios", {"scenario": raw})
    assert answer.status_code == 201, answer.text
    deposit = holder.deposited(issuer, b"credential", b"document")
    grant = holder.grant(bank, raw, deposit)
    sent = grant.send()
    assert sent.status_code == 201, sent.text
    receipt = grant.receipt()
    assert grant.release(receipt).status_code == 200
    session = b64u(bytes(range(16)))
    opened = parties.post(holder, "/v1/me/shows", {"session": session, "lifetime_s": 900})
    assert opened.status_code == 201, opened.text
    begun = parties.post(issuer, "/v1/uploads", {"sha256": b64u(sha256(PAYLOAD)), "size": len(PAYLOAD)})
    assert begun.status_code == 201, begun.text
    ids = {
        "upload": [begun.json()["upload"]],
        "item": [b64u(deposit.item)],
        "grant": [grant.name],
        "sha256": [b64u(part.payload) for part in deposit.slip.objects],
        "session": [session],
        "scenario": [answer.json()["hash"]],
        "account": [hex0x(party.address) for party in (issuer, bank, authority)],
        "n": ["0", "1"],
        "index": ["0", "1", "2"],
        "path": ["0/000.p/1", "0/000.p/2", "entries/000.p/3"],
    }
    checkpoint = parties.get(None, "/v1/log/checkpoint").text
    proof = parties.get(None, "/v1/log/proof/1").text
    (entry,) = (row["logged"]["entry"] for row in parties.get(holder, "/v1/me/log?limit=1").json()["rows"])
    parties.patience_s = 0.0
    return World(parties, holder, issuer, bank, authority, ids, grant, receipt, raw, checkpoint, proof, unb64u(entry))


@contextmanager
def running(home: Path) -> Iterator[tuple[Stack, dict[str, str]]]:
    """Chain and vault below ``home``, on free ports; ended when the block ends."""
    with Children(home / "logs") as children:
        stack = Stack.at(home, free_port(), free_port(), children, base_env(str(home)))
        stack.start()
        yield stack, {"url": stack.origin, "rpc": stack.env["ONEFILE_RPC_URL"], "home": str(home)}
