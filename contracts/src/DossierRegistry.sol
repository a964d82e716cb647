// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "./interfaces/IDossierRegistry.sol";
import {Guardians} from "./lib/Guardians.sol";
import {KeyCards} from "./lib/KeyCards.sol";

/// @title Who controls a dossier (see IDossierRegistry; guardians and recovery: IGuardians)
/// @dev Has no owner and no switch. Functions read in the order: check, consume the nonce, verify, effect, event.
contract DossierRegistry is Guardians {
    bytes32 private constant _ID_TAG = keccak256("onefile/dossier/v1");
    bytes32 private constant _OPEN =
        keccak256("OpenDossier(address owner,address controller,bytes32 salt,uint64 deadline)");
    bytes32 private constant _ROTATE = keccak256(
        "RotateDossier(bytes32 dossier,address newOwner,address newController,uint64 nonce,uint64 deadline)"
    );
    bytes32 private constant _BUMP = keccak256("BumpEpoch(bytes32 dossier,uint64 nonce,uint64 deadline)");

    mapping(bytes32 dossier => mapping(bytes32 digest => uint64)) private _attestedAt;

    /// @inheritdoc IDossierRegistry
    function open(
        OpenDossier calldata message,
        bytes calldata ownerSignature,
        KeyCard calldata card,
        bytes calldata cardSignature
    ) external returns (bytes32 dossier) {
        _requireInTime(message.deadline);
        _requireAccounts(message.owner, message.controller);
        dossier = dossierId(message.owner, message.salt);
        Dossier storage d = _dossiers[dossier];
        if (d.owner != address(0)) revert DossierExists(dossier);
        if (card.subject != dossier) revert CardSubjectInvalid(dossier, card.subject);

        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(_OPEN, message)));
        _requireSignedBy(message.owner, digest, ownerSignature);
        d.owner = message.owner;
        d.controller = message.controller;
        d.grantEpoch = 1;
        emit DossierOpened(dossier, message.owner, message.controller, message.salt);
        _follow(d, card, cardSignature);
    }

    /// @inheritdoc IDossierRegistry
    function rotate(RotateDossier calldata message, bytes calldata signature) external {
        _requireInTime(message.deadline);
        _requireAccounts(message.newOwner, message.newController);
        Dossier storage d = _known(message.dossier);
        _useNonce(d, message.dossier, message.nonce);
        _requireSignedBy(d.owner, _hashTypedDataV4(keccak256(abi.encode(_ROTATE, message))), signature);

        d.owner = message.newOwner;
        d.controller = message.newController;
        emit DossierRotated(message.dossier, message.newOwner, message.newController);
    }

    /// @inheritdoc IDossierRegistry
    function publishCard(KeyCard calldata card, bytes calldata signature) external {
        _follow(_known(card.subject), card, signature);
    }

    /// @inheritdoc IDossierRegistry
    function bumpEpoch(BumpEpoch calldata message, bytes calldata signature) external {
        _requireInTime(message.deadline);
        Dossier storage d = _known(message.dossier);
        _useNonce(d, message.dossier, message.nonce);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(_BUMP, message)));
        _requireSignedByHolder(d, message.dossier, digest, signature);

        uint64 epoch = d.grantEpoch + 1;
        d.grantEpoch = epoch;
        emit EpochBumped(message.dossier, epoch);
    }

    /// @inheritdoc IDossierRegistry
    function attest(bytes32 dossier, bytes32 digest, bytes calldata signature) external {
        Dossier storage d = _known(dossier);
        uint64 time = _attestedAt[dossier][digest];
        if (time != 0) revert AlreadyAttested(dossier, digest, time);
        address controller = d.controller;
        _requireSignedBy(controller, digest, signature);
        if (block.timestamp < d.frozenUntil) revert DossierIsFrozen(dossier, d.frozenUntil);

        _attestedAt[dossier][digest] = uint64(block.timestamp);
        emit Attested(dossier, digest, controller);
    }

    /// @inheritdoc IDossierRegistry
    function getDossier(bytes32 dossier) external view returns (Dossier memory) {
        return _known(dossier);
    }

    /// @inheritdoc IDossierRegistry
    function attestedAt(bytes32 dossier, bytes32 digest) external view returns (uint64) {
        return _attestedAt[dossier][digest];
    }

    /// @inheritdoc IDossierRegistry
    function dossierId(address owner0, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(_ID_TAG, block.chainid, address(this), owner0, salt));
    }

    /// @dev Record the next card. Its sequence number and predecessor take the place of a nonce.
    function _follow(Dossier storage d, KeyCard calldata card, bytes calldata signature) private {
        KeyCards.requireNext(card, KeyCards.Current(d.cardHash, d.cardSeq, d.cardValidFrom, d.revokedBelow));
        bytes32 digest = hashKeyCard(card);
        _requireSignedByHolder(d, card.subject, digest, signature);

        d.cardHash = digest;
        d.cardSeq = card.seq;
        d.cardValidFrom = card.validFrom;
        d.revokedBelow = card.revokedBelow;
        emit KeyCardPublished(card.subject, card.seq, digest, card);
    }
}
