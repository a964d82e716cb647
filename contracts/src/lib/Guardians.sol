// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuardians} from "../interfaces/IGuardians.sol";
import {DossierStore} from "./DossierStore.sol";

/// @title Guardians, freeze and recovery (see IGuardians)
/// @dev Functions read in the order: check, consume the nonce, verify, effect, event.
abstract contract Guardians is DossierStore {
    bytes32 private constant _SET = keccak256(
        "SetGuardians(bytes32 dossier,bytes32 setHash,uint8 threshold,uint32 delay,uint64 nonce,uint64 deadline)"
    );
    bytes32 private constant _FREEZE =
        keccak256("FreezeDossier(bytes32 dossier,address guardian,uint64 nonce,uint64 deadline)");
    bytes32 private constant _RECOVER = keccak256(
        "RecoverDossier(bytes32 dossier,address newOwner,address newController,bool byAll,uint64 nonce,uint64 deadline)"
    );
    bytes32 private constant _VETO =
        keccak256("VetoRecovery(bytes32 dossier,uint64 recovery,uint64 nonce,uint64 deadline)");

    /// Of a recovery by all guardians, and the longest delay that a dossier may have.
    uint32 private constant _LONGEST_DELAY = 30 days;
    uint64 private constant _FREEZE_TIME = 7 days;
    uint64 private constant _FREEZE_PAUSE = 30 days;

    mapping(bytes32 dossier => Guardianship) private _guardians;
    mapping(bytes32 dossier => GuardianChange) private _changes;
    mapping(bytes32 dossier => PendingRecovery) private _recoveries;

    /// @inheritdoc IGuardians
    function setGuardians(SetGuardians calldata message, bytes calldata signature) external {
        _requireInTime(message.deadline);
        _requireTerms(message);
        Dossier storage d = _known(message.dossier);
        _useNonce(d, message.dossier, message.nonce);
        _requireSignedBy(d.owner, _hashTypedDataV4(keccak256(abi.encode(_SET, message))), signature);

        Guardianship storage g = _guardians[message.dossier];
        bool first = g.setHash == 0;
        uint64 readyAt = uint64(block.timestamp) + (first ? 0 : g.delay);
        GuardianChange memory change =
            GuardianChange(message.setHash, message.threshold, message.delay, readyAt);
        emit GuardiansProposed(message.dossier, change.setHash, change.threshold, change.delay, readyAt);
        if (first) _put(message.dossier, change);
        else _changes[message.dossier] = change;
    }

    /// @inheritdoc IGuardians
    function applyGuardians(bytes32 dossier) external {
        GuardianChange memory change = _changes[dossier];
        if (change.readyAt == 0) revert ChangeMissing(dossier);
        _requireReady(change.readyAt);
        PendingRecovery storage pending = _recoveries[dossier];
        // Else a thief of the owner's key would bring guardians of his own to the dossier that is about to be rescued.
        if (pending.kind == Kind.ByAll) revert RecoveryIsPending(dossier, pending.readyAt);

        delete _changes[dossier];
        _put(dossier, change);
    }

    /// @inheritdoc IGuardians
    function freeze(FreezeDossier calldata message, bytes32 salt, address[] calldata accounts, bytes calldata signature)
        external
    {
        _requireInTime(message.deadline);
        Dossier storage d = _known(message.dossier);
        Guardianship storage g = _guardians[message.dossier];
        _requireSet(g.setHash, salt, accounts);
        _requireMember(message.guardian, accounts);
        if (message.nonce != g.freezes) revert NonceInvalid(message.dossier, g.freezes, message.nonce);
        uint64 time = uint64(block.timestamp);
        if (time < g.freezableFrom) revert FreezeTooSoon(g.freezableFrom, time);
        g.freezes = message.nonce + 1;
        _requireSignedBy(message.guardian, _hashTypedDataV4(keccak256(abi.encode(_FREEZE, message))), signature);

        g.freezableFrom = time + _FREEZE_PAUSE;
        d.frozenUntil = time + _FREEZE_TIME;
        emit DossierFrozen(message.dossier, message.guardian, time + _FREEZE_TIME);
    }

    /// @inheritdoc IGuardians
    function proposeRecovery(
        RecoverDossier calldata message,
        bytes32 salt,
        address[] calldata accounts,
        bytes[] calldata signatures
    ) external {
        _requireInTime(message.deadline);
        _requireAccounts(message.newOwner, message.newController);
        _known(message.dossier);
        Guardianship storage g = _guardians[message.dossier];
        _requireSet(g.setHash, salt, accounts);
        PendingRecovery storage pending = _recoveries[message.dossier];
        // One by all may take the place of one by a quorum, which the thief of an owner's key would veto.
        if (pending.kind == Kind.ByAll || (pending.kind == Kind.ByQuorum && !message.byAll)) {
            revert RecoveryIsPending(message.dossier, pending.readyAt);
        }
        if (message.nonce != g.recoveries) revert NonceInvalid(message.dossier, g.recoveries, message.nonce);
        g.recoveries = message.nonce + 1;
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(_RECOVER, message)));
        _requireQuorum(message.byAll ? accounts.length : g.threshold, digest, accounts, signatures);

        uint64 readyAt = uint64(block.timestamp) + (message.byAll ? _LONGEST_DELAY : g.delay);
        Kind kind = message.byAll ? Kind.ByAll : Kind.ByQuorum;
        _recoveries[message.dossier] = PendingRecovery(message.newOwner, readyAt, kind, message.newController);
        emit RecoveryProposed(
            message.dossier, message.nonce, kind, message.newOwner, message.newController, readyAt
        );
    }

    /// @inheritdoc IGuardians
    function vetoRecovery(VetoRecovery calldata message, bytes calldata signature) external {
        _requireInTime(message.deadline);
        Dossier storage d = _known(message.dossier);
        Kind kind = _recoveries[message.dossier].kind;
        if (kind == Kind.None || message.recovery != _guardians[message.dossier].recoveries - 1) {
            revert RecoveryMissing(message.dossier);
        }
        if (kind == Kind.ByAll) revert RecoveryNotVetoable(message.dossier);
        _useNonce(d, message.dossier, message.nonce);
        _requireSignedBy(d.owner, _hashTypedDataV4(keccak256(abi.encode(_VETO, message))), signature);

        delete _recoveries[message.dossier];
        emit RecoveryVetoed(message.dossier, message.recovery);
    }

    /// @inheritdoc IGuardians
    function executeRecovery(bytes32 dossier) external {
        PendingRecovery memory pending = _recoveries[dossier];
        if (pending.kind == Kind.None) revert RecoveryMissing(dossier);
        _requireReady(pending.readyAt);

        Dossier storage d = _dossiers[dossier];
        d.owner = pending.newOwner;
        d.controller = pending.newController;
        d.frozenUntil = 0;
        delete _recoveries[dossier];
        delete _changes[dossier];
        emit DossierRecovered(dossier, pending.newOwner, pending.newController);
    }

    /// @inheritdoc IGuardians
    function getGuardianship(bytes32 dossier)
        external
        view
        returns (Guardianship memory, GuardianChange memory, PendingRecovery memory)
    {
        _known(dossier);
        return (_guardians[dossier], _changes[dossier], _recoveries[dossier]);
    }

    function _put(bytes32 dossier, GuardianChange memory change) private {
        Guardianship storage g = _guardians[dossier];
        g.setHash = change.setHash;
        g.threshold = change.threshold;
        g.delay = change.delay;
        emit GuardiansSet(dossier, change.setHash, change.threshold, change.delay);
    }

    function _requireQuorum(uint256 needed, bytes32 digest, address[] calldata accounts, bytes[] calldata signatures)
        private
        view
    {
        if (signatures.length != accounts.length) revert GuardianQuorumMissing(accounts.length, signatures.length);
        uint256 count = 0;
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (signatures[i].length == 0) continue;
            _requireSignedBy(accounts[i], digest, signatures[i]);
            ++count;
        }
        if (count < needed) revert GuardianQuorumMissing(needed, count);
    }

    function _requireReady(uint64 readyAt) private view {
        if (block.timestamp < readyAt) revert NotReady(readyAt, uint64(block.timestamp));
    }

    function _requireSet(bytes32 expected, bytes32 salt, address[] calldata accounts) private pure {
        bytes32 got = keccak256(abi.encode(salt, accounts));
        if (got != expected) revert GuardianSetInvalid(expected, got);
        for (uint256 i = 1; i < accounts.length; ++i) {
            if (accounts[i] <= accounts[i - 1]) revert GuardianOrderInvalid(i);
        }
    }

    function _requireMember(address guardian, address[] calldata accounts) private pure {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == guardian) return;
        }
        revert GuardianUnknown(guardian);
    }

    function _requireTerms(SetGuardians calldata message) private pure {
        bool none = message.setHash == 0;
        bool threshold = none ? message.threshold == 0 : message.threshold > 0;
        bool delay = none ? message.delay == 0 : message.delay > 0 && message.delay <= _LONGEST_DELAY;
        if (!threshold || !delay) revert GuardianTermsInvalid(message.threshold, message.delay);
    }
}
