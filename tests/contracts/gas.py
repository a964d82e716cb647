"""Measures the gas of every entry point on a fresh chain, always in the same states, and writes contracts/gas.json.

    python -m tests.contracts.gas

Accounts, times and trees are fixed, so that the figures are exact and the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from web3 import Web3
from web3.contract import Contract

from chain.compile import CONTRACTS, load_artifact
from protocol.encoding import b64u
from tests.contracts.access_guardians import GUARDIANS, SALT, guardian_accounts, set_hash
from tests.contracts.evm import GENESIS, HARDFORK, PROJECT, Chain, actor, digest_of, running_anvil
from tests.contracts.messages import ZERO32, Card, Signing, sign_digest
from tests.contracts.trees import Uniform, leaf_hash

TABLE = PROJECT / "contracts/gas.json"
MILLION = 1_000_000
ENTRY = b'{"c":"' + b"c" * 43 + b'","pv":"' + b"p" * 43 + b'","t":"access","tag":"' + b"t" * 43 + b'","v":1}'
TREE = Uniform(leaf_hash(ENTRY))
NOW = GENESIS + 1_000
FUNDED = ("deployer", "governor", "owner", "controller", "agency", "publisher", "log owner", "stranger", "relayer")

Gas = dict[str, int]


class Meter:
    """Sends calls and keeps what they cost under a name."""

    def __init__(self, chain: Chain, contracts: dict[str, Contract]) -> None:
        self.chain = chain
        self.agencies, self.dossiers, self.grants, self.archive = (contracts[name] for name in CONTRACTS)
        self.signing = Signing(chain.w3.eth.chain_id, self.dossiers.address, self.agencies.address)
        self.spent: Gas = {}

    def send(self, call: Any, by: str, label: str = "") -> None:
        name = f"{label or call.fn_name}"
        names = {c.address: n for n, c in zip(CONTRACTS, self._all(), strict=True)}
        self.spent[f"{names[call.address]}.{name}"] = self.chain.send(call, actor(by))["gasUsed"]

    def view(self, call: Any, label: str = "") -> None:
        names = {c.address: n for n, c in zip(CONTRACTS, self._all(), strict=True)}
        spent = call.estimate_gas({"from": actor("stranger").address})
        self.spent[f"{names[call.address]}.{label or call.fn_name} (view)"] = spent

    def _all(self) -> tuple[Contract, ...]:
        return self.agencies, self.dossiers, self.grants, self.archive

    def sign(self, by: str, contract: Contract, primary: str, values: tuple[Any, ...]) -> bytes:
        return self.signing.sign(actor(by), contract.address, primary, values)


def measure() -> Gas:
    """Gas of every entry point, by `Contract.function` and, where states differ, by state."""
    with running_anvil() as chain:
        for name in FUNDED:
            chain.rpc("anvil_setBalance", actor(name).address, hex(10**24))
        spent: Gas = {}
        contracts = {name: _deploy(chain, name, spent) for name in CONTRACTS}
        chain.rpc("evm_setNextBlockTimestamp", NOW)
        chain.rpc("evm_mine")
        meter = Meter(chain, contracts)
        meter.spent = spent
        steps: list[Callable[[Meter], None]] = [_agencies, _dossiers, _grants, _archive, _succession]
        for step in steps:
            step(meter)
        return dict(sorted(meter.spent.items()))


def _deploy(chain: Chain, name: str, spent: Gas) -> Contract:
    artifact = load_artifact(name)
    args = (actor("governor").address,) if name == "AgencyRegistry" else ()
    contract = chain.deploy(artifact.abi, artifact.creation, *args)
    made = chain.w3.eth.get_block("latest", full_transactions=False)["transactions"][0]
    spent[f"{name} (deployment)"] = chain.w3.eth.get_transaction_receipt(made)["gasUsed"]
    return contract


def _agencies(meter: Meter) -> None:
    f, agency = meter.agencies.functions, actor("agency").address
    meter.send(f.admit(agency, "某市人力资源和社会保障局", "370600"), "governor")
    meter.send(f.setRole(agency, 1), "governor")
    meter.send(f.allowIssue(agency, "social-insurance-proof"), "governor")
    first = Card(bytes(12) + bytes.fromhex(agency[2:]), NOW)
    meter.send(f.publishCard(first.values, meter.sign("agency", meter.agencies, "KeyCard", first.values)), "relayer")
    meter.send(f.setCompromisedByGovernor(agency, 1, NOW + 1), "governor")
    meter.send(f.setCompromised(1, NOW), "agency")
    meter.send(f.endIssue(agency, Web3.keccak(text="social-insurance-proof")), "governor")
    meter.send(f.endRole(agency, 1), "governor")
    meter.send(f.transferOwnership(actor("stranger").address), "governor")
    meter.send(f.acceptOwnership(), "stranger")


def _dossiers(meter: Meter) -> None:
    f, registry = meter.dossiers.functions, meter.dossiers
    owner, controller, deadline = actor("owner").address, actor("controller").address, NOW + 10_000
    opening = (owner, controller, digest_of("salt"), deadline)
    dossier = f.dossierId(owner, digest_of("salt")).call()
    card = Card(dossier, NOW)
    signed = meter.sign("owner", registry, "OpenDossier", opening)
    meter.send(
        f.open(opening, signed, card.values, meter.sign("controller", registry, "KeyCard", card.values)), "relayer"
    )
    for seq, by in ((2, "controller"), (3, "owner")):
        card = card.but(seq=seq, previous=meter.signing.digest(registry.address, "KeyCard", card.values))
        call = f.publishCard(card.values, meter.sign(by, registry, "KeyCard", card.values))
        meter.send(call, "relayer", f"publishCard, signed by the {by}")
    bump = (dossier, 0, deadline)
    meter.send(f.bumpEpoch(bump, meter.sign("controller", registry, "BumpEpoch", bump)), "relayer")
    grant = digest_of("grant")
    meter.send(f.attest(dossier, grant, sign_digest(actor("controller"), grant)), "relayer")
    rotate = (dossier, actor("stranger").address, actor("relayer").address, 1, deadline)
    meter.send(f.rotate(rotate, meter.sign("owner", registry, "RotateDossier", rotate)), "relayer")
    _guardians(meter, dossier)


def _guardians(meter: Meter, dossier: bytes) -> None:
    """A recovery by two of three guardians; the dossier belongs to the stranger now, its nonce is 2."""
    f, registry, deadline, delay = meter.dossiers.functions, meter.dossiers, NOW + 200_000, 60
    accounts = guardian_accounts()
    names = {actor(name).address: name for name in GUARDIANS}
    for nonce, label in ((2, "the first"), (3, "a change")):
        setting = (dossier, set_hash(), 2, delay, nonce, deadline)
        signature = meter.sign("stranger", registry, "SetGuardians", setting)
        meter.send(f.setGuardians(setting, signature), "relayer", f"setGuardians, {label}")
    frozen = (dossier, accounts[0], 0, deadline)
    signature = meter.sign(names[accounts[0]], registry, "FreezeDossier", frozen)
    meter.send(f.freeze(frozen, SALT, accounts, signature), "relayer")
    meter.chain.rpc("evm_setNextBlockTimestamp", NOW + 100_000)
    meter.chain.rpc("evm_mine")
    meter.send(f.applyGuardians(dossier), "relayer")
    for nonce in (0, 1):
        recovery = (dossier, actor("owner").address, actor("controller").address, False, nonce, deadline)
        signed = [meter.sign(names[account], registry, "RecoverDossier", recovery) for account in accounts[:2]]
        meter.send(f.proposeRecovery(recovery, SALT, accounts, [*signed, b""]), "relayer", "proposeRecovery, 2 of 3")
        if nonce == 0:
            veto = (dossier, 0, 4, deadline)
            meter.send(f.vetoRecovery(veto, meter.sign("stranger", registry, "VetoRecovery", veto)), "relayer")
    meter.chain.rpc("evm_setNextBlockTimestamp", NOW + 100_000 + 2 * delay)
    meter.chain.rpc("evm_mine")
    meter.send(f.executeRecovery(dossier), "relayer")


def _grants(meter: Meter) -> None:
    meter.send(meter.grants.functions.revoke(digest_of("secret")), "relayer")


def _origin(meter: Meter, name: str, entry0: bytes, label: str = "") -> bytes:
    f = meter.archive.functions
    text, origin = f.originOf(name).call()
    vkey = f"{text}+0123abcd+{'A' * 44}"
    meter.send(f.open(name, entry0, vkey, actor("publisher").address), "log owner", label)
    return bytes(origin)


def _anchor(meter: Meter, origin: bytes, m: int, n: int, label: str) -> None:
    proof = TREE.consistency(m, n)
    call = meter.archive.functions.anchor(origin, n, TREE.root(n), digest_of(f"checkpoint {n}"), proof)
    meter.send(call, "publisher", f"anchor, {label}")


def _archive(meter: Meter) -> None:
    f = meter.archive.functions
    origin = _origin(meter, "main", ENTRY)
    _anchor(meter, origin, 1, MILLION, "1 to 1,000,000")
    _anchor(meter, origin, MILLION, MILLION + 60, "1,000,000 to 1,000,060")
    _anchor(meter, origin, MILLION + 60, MILLION + 3_560, "1,000,060 to 1,003,560")
    top = 1 << 20
    _anchor(meter, origin, MILLION + 3_560, top - 1, "1,003,560 to 2^20 - 1")
    _anchor(meter, origin, top - 1, top, "2^20 - 1 to 2^20 (the worst below 2^20)")
    _anchor(meter, origin, top, top + 60, "2^20 to 2^20 + 60")
    size = top + 60
    call = f.verifyInclusion(origin, MILLION, ENTRY, TREE.inclusion(MILLION, size))
    meter.view(call)
    meter.view(f.verifyOlder(origin, MILLION, TREE.root(MILLION), TREE.consistency(MILLION, size)))
    older = (MILLION, TREE.root(MILLION), TREE.consistency(MILLION, size))
    meter.view(f.verifyInclusionInOlder(origin, 7, ENTRY, TREE.inclusion(7, MILLION), *older))
    meter.send(f.rotatePublisher(origin, actor("relayer").address), "log owner")
    text = f.originOf("main").call()[0]
    meter.send(f.rotateLogVkey(origin, f"{text}+89abcdef+{'B' * 44}"), "log owner")
    meter.send(f.proposeOwner(origin, actor("stranger").address), "log owner")
    meter.send(f.acceptOwner(origin), "stranger")


def _succession(meter: Meter) -> None:
    f = meter.archive.functions
    origin = _origin(meter, "old", ENTRY, "open, again")
    _anchor(meter, origin, 1, 2, "1 to 2")
    meter.send(f.freeze(origin), "log owner")
    entry0 = committing(f.successionCommitment(origin).call())
    second = _origin(meter, "new", entry0, "open, a successor")
    meter.send(f.succeed(origin, second, entry0, []), "log owner")


def committing(c: bytes) -> bytes:
    return f'{{"c":"{b64u(c)}","pv":"{b64u(ZERO32)}","t":"note","tag":"{b64u(ZERO32)}","v":1}}'.encode()


def text_of(spent: Gas) -> str:
    """The committed form of the table."""
    return json.dumps({"hardfork": HARDFORK, "gas": spent}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TABLE.write_text(text_of(measure()), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))
