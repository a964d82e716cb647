"""The ledger's changes, sent to an EVM chain. Promises: `chain.ledger.LedgerWrites`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chain.codec import Codec
from chain.deployment import Deployment
from chain.ethereum_reads import EthereumReads
from chain.failover import Failover
from chain.node import Node
from chain.quorum import QuorumReads
from chain.sender import Sender
from chain.values import TxRef
from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.guardians import GuardianSet
from protocol.hashing import keccak256
from protocol.keycard import KeyCard

_ZERO_ADDRESS = bytes(20)


class EthereumWrites:
    """The changes; whoever has them checks the chain (`check_chain`) that they go to."""

    _sender: Sender
    _codec: Codec
    check_chain: Callable[[], None]

    @property
    def account(self) -> bytes:
        return self._sender.account

    def admit_agency(self, account: bytes, name: str, division: str, *, confirmations: int = 0) -> TxRef:
        return self._send("AgencyRegistry", "admit", account, name, division, confirmations=confirmations)

    def set_role(self, account: bytes, role: int, *, confirmations: int = 0) -> TxRef:
        return self._send("AgencyRegistry", "setRole", account, role, confirmations=confirmations)

    def end_role(self, account: bytes, role: int, *, confirmations: int = 0) -> TxRef:
        return self._send("AgencyRegistry", "endRole", account, role, confirmations=confirmations)

    def allow_issue(self, account: bytes, licence_type: str, *, confirmations: int = 0) -> TxRef:
        return self._send("AgencyRegistry", "allowIssue", account, licence_type, confirmations=confirmations)

    def end_issue(self, account: bytes, licence_type: str, *, confirmations: int = 0) -> TxRef:
        type_hash = keccak256(licence_type.encode())
        return self._send("AgencyRegistry", "endIssue", account, type_hash, confirmations=confirmations)

    def set_compromised(self, seq: int, since: int, *, confirmations: int = 0) -> TxRef:
        return self._send("AgencyRegistry", "setCompromised", seq, since, confirmations=confirmations)

    def set_compromised_by_governor(self, account: bytes, seq: int, since: int, *, confirmations: int = 0) -> TxRef:
        return self._send(
            "AgencyRegistry", "setCompromisedByGovernor", account, seq, since, confirmations=confirmations
        )

    def publish_agency_card(self, card: KeyCard, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("AgencyRegistry", "publishCard", card.values(), signature, confirmations=confirmations)

    def open_dossier(
        self,
        message: OpenDossier,
        owner_signature: bytes,
        card: KeyCard,
        card_signature: bytes,
        *,
        confirmations: int = 0,
    ) -> TxRef:
        return self._send(
            "DossierRegistry",
            "open",
            message.values(),
            owner_signature,
            card.values(),
            card_signature,
            confirmations=confirmations,
        )

    def rotate_dossier(self, message: RotateDossier, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "rotate", message.values(), signature, confirmations=confirmations)

    def publish_dossier_card(self, card: KeyCard, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "publishCard", card.values(), signature, confirmations=confirmations)

    def bump_epoch(self, message: BumpEpoch, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "bumpEpoch", message.values(), signature, confirmations=confirmations)

    def set_guardians(self, message: SetGuardians, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "setGuardians", message.values(), signature, confirmations=confirmations)

    def apply_guardians(self, dossier: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "applyGuardians", dossier, confirmations=confirmations)

    def freeze_dossier(
        self, message: FreezeDossier, guardians: GuardianSet, signature: bytes, *, confirmations: int = 0
    ) -> TxRef:
        revealed = (guardians.salt, list(guardians.accounts))
        return self._send(
            "DossierRegistry", "freeze", message.values(), *revealed, signature, confirmations=confirmations
        )

    def propose_recovery(
        self,
        message: RecoverDossier,
        guardians: GuardianSet,
        signatures: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        revealed = (guardians.salt, list(guardians.accounts))
        return self._send(
            "DossierRegistry",
            "proposeRecovery",
            message.values(),
            *revealed,
            list(signatures),
            confirmations=confirmations,
        )

    def veto_recovery(self, message: VetoRecovery, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "vetoRecovery", message.values(), signature, confirmations=confirmations)

    def execute_recovery(self, dossier: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "executeRecovery", dossier, confirmations=confirmations)

    def attest(self, dossier: bytes, digest: bytes, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("DossierRegistry", "attest", dossier, digest, signature, confirmations=confirmations)

    def revoke(self, secret: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("GrantRegistry", "revoke", secret, confirmations=confirmations)

    def open_log(self, name: str, entry0: bytes, vkey: str, publisher: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("ArchiveLog", "open", name, entry0, vkey, publisher, confirmations=confirmations)

    def anchor(
        self,
        origin_hash: bytes,
        size: int,
        root: bytes,
        checkpoint_hash: bytes,
        proof: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        return self._send(
            "ArchiveLog",
            "anchor",
            origin_hash,
            size,
            root,
            checkpoint_hash,
            list(proof),
            confirmations=confirmations,
            lane=keccak256(b"anchor" + origin_hash),
        )

    def freeze_log(self, origin_hash: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("ArchiveLog", "freeze", origin_hash, confirmations=confirmations)

    def succeed_log(
        self,
        origin_hash: bytes,
        successor: bytes,
        entry0: bytes,
        proof: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        return self._send(
            "ArchiveLog", "succeed", origin_hash, successor, entry0, list(proof), confirmations=confirmations
        )

    def rotate_log_publisher(self, origin_hash: bytes, publisher: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("ArchiveLog", "rotatePublisher", origin_hash, publisher, confirmations=confirmations)

    def rotate_log_vkey(self, origin_hash: bytes, vkey: str, *, confirmations: int = 0) -> TxRef:
        return self._send("ArchiveLog", "rotateLogVkey", origin_hash, vkey, confirmations=confirmations)

    def propose_log_owner(self, origin_hash: bytes, owner: bytes | None, *, confirmations: int = 0) -> TxRef:
        return self._send(
            "ArchiveLog", "proposeOwner", origin_hash, owner or _ZERO_ADDRESS, confirmations=confirmations
        )

    def accept_log_owner(self, origin_hash: bytes, *, confirmations: int = 0) -> TxRef:
        return self._send("ArchiveLog", "acceptOwner", origin_hash, confirmations=confirmations)

    def tend(self) -> None:
        self.check_chain()
        self._sender.tend()

    def _send(
        self, contract: str, function: str, *args: Any, confirmations: int, lane: bytes | None = None
    ) -> TxRef:
        # A transaction signed for the right chain id may still be good on a copy of it: look before sending.
        self.check_chain()
        call = self._codec.call(contract, function, *args)
        return self._sender.send(call, confirmations=confirmations, lane=lane)


class EthereumLedger(EthereumWrites, EthereumReads):
    """Reads and writes over one endpoint; made by `chain.ethereum.connect` with a signer."""

    def __init__(self, node: Node, deployment: Deployment, sender: Sender) -> None:
        super().__init__(node, deployment)
        self._sender = sender


class QuorumLedger(EthereumWrites, QuorumReads):
    """Reads on which several endpoints agree; changes through one of them at a time (`chain.failover`)."""

    def __init__(self, reads: Sequence[EthereumReads], quorum: int, writes: Failover, sender: Sender) -> None:
        super().__init__(reads, quorum)
        self._writes = writes
        self._sender = sender
        self._codec = Codec(self.deployment.contracts)

    def check_chain(self) -> None:
        """Each endpoint is checked before the first transaction goes to it (`Failover`)."""

    def close(self) -> None:
        """Give the connections back."""
        super().close()
        self._writes.close()
