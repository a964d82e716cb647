// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IKeyCards} from "./IKeyCards.sol";

/// @title Who controls a dossier
/// @notice Every change is an EIP-712 message that anyone may bring, so that a holder never needs ether. Domain {name
/// "OneFile", version "1", chainId, verifyingContract = this registry}. Type strings, besides `KeyCard`:
/// `OpenDossier(address owner,address controller,bytes32 salt,uint64 deadline)`
/// `RotateDossier(bytes32 dossier,address newOwner,address newController,uint64 nonce,uint64 deadline)`
/// `BumpEpoch(bytes32 dossier,uint64 nonce,uint64 deadline)`
/// Signers that are contracts are asked by ERC-1271. No name, number or licence type of a holder is kept here.
interface IDossierRegistry is IKeyCards {
    /// @param owner the cold account that alone changes owner and controller
    /// @param controller the hot account that grants
    /// @param salt 32 random bytes
    /// @param deadline last second in which the message is taken
    struct OpenDossier {
        address owner;
        address controller;
        bytes32 salt;
        uint64 deadline;
    }

    struct RotateDossier {
        bytes32 dossier;
        address newOwner;
        address newController;
        uint64 nonce;
        uint64 deadline;
    }

    struct BumpEpoch {
        bytes32 dossier;
        uint64 nonce;
        uint64 deadline;
    }

    /// @param nonce of the owner's or controller's next message (cards aside); starts at 0
    /// @param grantEpoch grants and mandates of an earlier epoch are void; starts at 1
    /// @param cardHash the newest key card; earlier ones hang on it by `previous`
    /// @param frozenUntil the controller's signature counts for nothing before this block time (see IGuardians)
    struct Dossier {
        address owner;
        uint64 nonce;
        address controller;
        uint64 grantEpoch;
        bytes32 cardHash;
        uint64 cardSeq;
        uint64 cardValidFrom;
        uint64 revokedBelow;
        uint64 frozenUntil;
    }

    event DossierOpened(bytes32 indexed dossier, address indexed owner, address indexed controller, bytes32 salt);
    event DossierRotated(bytes32 indexed dossier, address indexed owner, address indexed controller);
    event EpochBumped(bytes32 indexed dossier, uint64 grantEpoch);
    /// @notice From this block on it is a fact that the controller had signed `digest`.
    event Attested(bytes32 indexed dossier, bytes32 indexed digest, address indexed controller);

    error DossierExists(bytes32 dossier);
    error DossierUnknown(bytes32 dossier);
    error NonceInvalid(bytes32 dossier, uint64 expected, uint64 got);
    error AlreadyAttested(bytes32 dossier, bytes32 digest, uint64 time);
    /// @notice The key card's subject is not the dossier that the message opens.
    error CardSubjectInvalid(bytes32 expected, bytes32 got);

    /// @notice Open a dossier at epoch 1 with its first key card.
    /// @param ownerSignature of `message`, by `message.owner`
    /// @param cardSignature of `card`, by `message.controller` or `message.owner`
    /// @return dossier the id, see `dossierId`
    function open(
        OpenDossier calldata message,
        bytes calldata ownerSignature,
        KeyCard calldata card,
        bytes calldata cardSignature
    ) external returns (bytes32 dossier);

    /// @notice Give the dossier to other accounts; grants are not ended by this (see `bumpEpoch`).
    /// @param signature by the owner
    function rotate(RotateDossier calldata message, bytes calldata signature) external;

    /// @notice Record the next key card.
    /// @param signature by the owner, or by the controller of a dossier that is not frozen
    function publishCard(KeyCard calldata card, bytes calldata signature) external;

    /// @notice End every grant and mandate of the dossier.
    /// @param signature by the owner, or by the controller of a dossier that is not frozen
    function bumpEpoch(BumpEpoch calldata message, bytes calldata signature) external;

    /// @notice Record, once, that the controller of this moment signs `digest` (the EIP-712 digest of a grant or
    /// mandate). Afterwards verifiers check this fact and its time; nobody asks `isValidSignature` again, whose
    /// answer changes with a quorum's members. Refused while the dossier is frozen.
    function attest(bytes32 dossier, bytes32 digest, bytes calldata signature) external;

    /// @notice The dossier as it stands; reverts with `DossierUnknown`.
    function getDossier(bytes32 dossier) external view returns (Dossier memory);

    /// @notice Block time of the attestation, 0 if there is none.
    function attestedAt(bytes32 dossier, bytes32 digest) external view returns (uint64);

    /// @notice `keccak256(abi.encode(keccak256("onefile/dossier/v1"), chainId, this registry, owner0, salt))`.
    function dossierId(address owner0, bytes32 salt) external view returns (bytes32);
}
