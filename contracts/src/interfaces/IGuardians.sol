// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who may bring a dossier back when its keys are lost, and stop them when they are stolen
/// @notice Messages are EIP-712 in the DossierRegistry's domain; anyone may bring them. Type strings:
/// `SetGuardians(bytes32 dossier,bytes32 setHash,uint8 threshold,uint32 delay,uint64 nonce,uint64 deadline)`
/// `FreezeDossier(bytes32 dossier,address guardian,uint64 nonce,uint64 deadline)`
/// `RecoverDossier(bytes32 dossier,address newOwner,address newController,bool byAll,uint64 nonce,uint64 deadline)`
/// `VetoRecovery(bytes32 dossier,uint64 recovery,uint64 nonce,uint64 deadline)`
/// The set is kept as `keccak256(abi.encode(salt, accounts))` with a random salt and strictly ascending accounts:
/// nobody learns who the guardians are before they act. A recovery and a freeze have nonces of their own, so that no
/// key of the dossier can void what guardians are signing.
interface IGuardians {
    /// @dev ByAll: signed by every guardian with `byAll`; waits 30 days, and nobody can veto it.
    enum Kind {
        None,
        ByQuorum,
        ByAll
    }

    /// @param setHash zero: the dossier has no guardians
    /// @param threshold how many guardians carry a recovery
    /// @param delay seconds that a recovery and a change of guardians wait
    /// @param recoveries nonce of the next `RecoverDossier`
    /// @param freezes nonce of the next `FreezeDossier`
    /// @param freezableFrom block time from which a guardian may freeze again
    struct Guardianship {
        bytes32 setHash;
        uint8 threshold;
        uint32 delay;
        uint64 recoveries;
        uint64 freezes;
        uint64 freezableFrom;
    }

    /// @param readyAt block time from which it may be applied; zero: no change waits
    struct GuardianChange {
        bytes32 setHash;
        uint8 threshold;
        uint32 delay;
        uint64 readyAt;
    }

    /// @param readyAt block time from which it may be executed
    struct PendingRecovery {
        address newOwner;
        uint64 readyAt;
        Kind kind;
        address newController;
    }

    /// @param nonce the dossier's, as of `RotateDossier`
    struct SetGuardians {
        bytes32 dossier;
        bytes32 setHash;
        uint8 threshold;
        uint32 delay;
        uint64 nonce;
        uint64 deadline;
    }

    struct FreezeDossier {
        bytes32 dossier;
        address guardian;
        uint64 nonce;
        uint64 deadline;
    }

    struct RecoverDossier {
        bytes32 dossier;
        address newOwner;
        address newController;
        bool byAll;
        uint64 nonce;
        uint64 deadline;
    }

    /// @param recovery the nonce of the recovery that is vetoed, so that a veto never meets another one
    /// @param nonce the dossier's, as of `RotateDossier`
    struct VetoRecovery {
        bytes32 dossier;
        uint64 recovery;
        uint64 nonce;
        uint64 deadline;
    }

    /// @notice The owner signed for these guardians; they count from `readyAt` on, once applied.
    event GuardiansProposed(bytes32 indexed dossier, bytes32 setHash, uint8 threshold, uint32 delay, uint64 readyAt);
    event GuardiansSet(bytes32 indexed dossier, bytes32 setHash, uint8 threshold, uint32 delay);
    /// @notice The controller's signature counts for nothing before `until`.
    event DossierFrozen(bytes32 indexed dossier, address indexed guardian, uint64 until);
    event RecoveryProposed(
        bytes32 indexed dossier, uint64 recovery, Kind kind, address newOwner, address newController, uint64 readyAt
    );
    event RecoveryVetoed(bytes32 indexed dossier, uint64 recovery);
    event DossierRecovered(bytes32 indexed dossier, address indexed owner, address indexed controller);

    /// @notice No set has no terms; any other has a threshold of 1 or more and a delay of 1 second to 30 days.
    error GuardianTermsInvalid(uint8 threshold, uint32 delay);
    /// @notice Salt and accounts do not hash to the dossier's set.
    error GuardianSetInvalid(bytes32 expected, bytes32 got);
    /// @notice The account at `index` is not above the one before it.
    error GuardianOrderInvalid(uint256 index);
    error GuardianUnknown(address account);
    error GuardianQuorumMissing(uint256 needed, uint256 got);
    error FreezeTooSoon(uint64 freezableFrom, uint64 time);
    /// @notice The controller signed, and the dossier is frozen.
    error DossierIsFrozen(bytes32 dossier, uint64 until);
    error ChangeMissing(bytes32 dossier);
    error RecoveryMissing(bytes32 dossier);
    error RecoveryIsPending(bytes32 dossier, uint64 readyAt);
    error RecoveryNotVetoable(bytes32 dossier);
    /// @notice A change or a recovery still waits.
    error NotReady(uint64 readyAt, uint64 time);

    /// @notice Name, change or remove the guardians. The first set counts at once, every later change after the delay
    /// that holds until then; a newer message takes the place of one that waits.
    /// @param signature by the owner
    function setGuardians(SetGuardians calldata message, bytes calldata signature) external;

    /// @notice Put the change that waited into effect; refused while a recovery by all guardians is pending.
    function applyGuardians(bytes32 dossier) external;

    /// @notice Suspend the controller for 7 days; once in 30 days, whichever guardian does it.
    /// @param signature by `message.guardian`
    function freeze(FreezeDossier calldata message, bytes32 salt, address[] calldata accounts, bytes calldata signature)
        external;

    /// @notice Begin a recovery. One by all guardians takes the place of one by a quorum; nothing else does.
    /// @param signatures one for each account, empty where that guardian did not sign
    function proposeRecovery(
        RecoverDossier calldata message,
        bytes32 salt,
        address[] calldata accounts,
        bytes[] calldata signatures
    ) external;

    /// @notice End a recovery by a quorum that was not executed yet.
    /// @param signature by the owner
    function vetoRecovery(VetoRecovery calldata message, bytes calldata signature) external;

    /// @notice Give the dossier to the accounts of a recovery that is ready. Ends the freeze and a waiting change of
    /// guardians, and no grant.
    function executeRecovery(bytes32 dossier) external;

    /// @notice What is set, what change waits, and what recovery is pending; reverts with `DossierUnknown`.
    function getGuardianship(bytes32 dossier)
        external
        view
        returns (Guardianship memory, GuardianChange memory, PendingRecovery memory);
}
