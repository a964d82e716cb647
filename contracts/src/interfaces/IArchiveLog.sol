// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRfc9162} from "./IRfc9162.sol";

/// @title Heads of append-only logs, which only ever extend
/// @notice A log is named by its origin string `onefile/<chainId>/<this contract, lower-case 0x-hex>/<name>`, for
/// life; functions take keccak256 of it. A new head is taken only with an RFC 9162 consistency proof from the last
/// one: there is no reset.
/// @dev A consistency proof does NOT bind the new size: several sizes of one shape pass with the same roots and proof
/// (a proof of 3 -> 7 passes as 3 -> 5, 6, 7 and 8). The size is a claim of the publisher; the signed checkpoint whose
/// hash is anchored beside it binds size and root together, and readers compare the two. Likewise nothing here checks
/// the checkpoint's Ed25519 signature. Block times of `Anchored` events are the only times: no root -> time map is
/// kept.
interface IArchiveLog is IRfc9162 {
    /// @param name of the log, last part of its origin
    /// @param root RFC 6962 root over `size` entries
    /// @param publisher the hot account that anchors
    /// @param frozen no head will follow any more
    /// @param owner the cold account that rotates, freezes and names a successor
    /// @param successor origin hash of the log that goes on after a freeze, or zero
    /// @param logVkey the log's C2SP verifier key text `<origin>+<hash>+<base64>`
    struct LogState {
        string name;
        bytes32 root;
        uint64 size;
        address publisher;
        bool frozen;
        address owner;
        address pendingOwner;
        bytes32 successor;
        string logVkey;
    }

    event LogOpened(
        bytes32 indexed origin, string name, address indexed owner, address publisher, string logVkey, bytes entry0
    );
    /// @notice A head was taken. The time of an entry is the block time of the first one that covers it.
    /// @param checkpointHash SHA-256 of the signed checkpoint's bytes; zero only at size 1, by `open`
    event Anchored(bytes32 indexed origin, uint64 size, bytes32 root, bytes32 checkpointHash);
    event PublisherRotated(bytes32 indexed origin, address publisher);
    event LogVkeyRotated(bytes32 indexed origin, string logVkey);
    event LogOwnerProposed(bytes32 indexed origin, address pendingOwner);
    event LogOwnerRotated(bytes32 indexed origin, address owner);
    event LogFrozen(bytes32 indexed origin, uint64 size, bytes32 root);
    event LogSucceeded(bytes32 indexed origin, bytes32 indexed successor);

    error LogExists(bytes32 origin);
    error LogUnknown(bytes32 origin);
    /// @notice A log's name is 1 to 31 of a-z, 0-9 and '-'.
    error NameInvalid(string name);
    /// @notice An entry is 1 to 65,535 bytes long.
    error EntryLengthInvalid(uint256 length);
    /// @notice A verifier key is `<origin>+…`, at most 256 bytes.
    error LogVkeyInvalid(string logVkey);
    error NotPublisher(bytes32 origin, address caller);
    error NotLogOwner(bytes32 origin, address caller);
    error NotPendingOwner(bytes32 origin, address caller);
    error AccountMissing();
    error CheckpointHashMissing();
    error LogIsFrozen(bytes32 origin);
    error LogNotFrozen(bytes32 origin);
    error SizeNotGrown(uint64 size, uint64 newSize);
    error GrowthTooLarge(uint64 size, uint64 newSize, uint64 maxGrowth);
    error AlreadySucceeded(bytes32 origin, bytes32 successor);
    /// @notice The successor's entry 0 does not commit the frozen head (see `successionCommitment`).
    error SuccessorInvalid(bytes32 origin, bytes32 successor);

    /// @notice Open a log with its entry 0; the caller becomes its owner. The contract computes the first root itself,
    /// so that no head is unproven.
    function open(string calldata name, bytes calldata entry0, string calldata logVkey, address publisher)
        external
        returns (bytes32 origin);

    /// @notice Publisher: take a larger head, at most `MAX_GROWTH` entries further, proven from the last one.
    /// @param proof RFC 9162 §2.1.4 consistency proof from the anchored size to `newSize`
    function anchor(
        bytes32 origin,
        uint64 newSize,
        bytes32 newRoot,
        bytes32 checkpointHash,
        bytes32[] calldata proof
    ) external;

    /// @notice Owner: name another publisher.
    function rotatePublisher(bytes32 origin, address publisher) external;

    /// @notice Owner: name another log key; the old one signs nothing any more.
    function rotateLogVkey(bytes32 origin, string calldata logVkey) external;

    /// @notice Owner: offer the log to another owner; zero withdraws the offer.
    function proposeOwner(bytes32 origin, address newOwner) external;

    /// @notice The account to which the log was offered takes it.
    function acceptOwner(bytes32 origin) external;

    /// @notice Owner: end the log, for good. Views and proofs of it go on to work.
    function freeze(bytes32 origin) external;

    /// @notice Owner of both: name the log that goes on after a frozen one. The successor's entry 0 must commit the
    /// frozen head: its canonical JSON starts with `{"c":"<base64url of successionCommitment(origin)>"`.
    /// @param entry0 the bytes of the successor's entry 0
    /// @param proof of its inclusion in the successor's anchored head; empty while that head is the first
    function succeed(bytes32 origin, bytes32 successor, bytes calldata entry0, bytes32[] calldata proof) external;

    /// @notice The most entries that one anchor may add.
    function MAX_GROWTH() external view returns (uint64);

    /// @notice Reverts with `LogUnknown`.
    function state(bytes32 origin) external view returns (LogState memory);

    /// @notice The origin string of a name in this contract and its keccak256, whether or not the log is open.
    function originOf(string calldata name) external view returns (string memory text, bytes32 origin);

    /// @notice The statement that a successor's entry 0 commits: canonical JSON of the anchored head,
    /// `{"origin":"<origin string>","root":"<base64url>","size":<n>,"v":1}`.
    function headStatement(bytes32 origin) external view returns (bytes memory);

    /// @notice SHA-256("onefile/c/v1" ‖ 32 zero bytes ‖ SHA-256(headStatement)).
    function successionCommitment(bytes32 origin) external view returns (bytes32);

    /// @notice Check that `entry` is entry `index` of the log as it is anchored; reverts if not. The leaf's hash is
    /// taken from the entry's bytes, the size from the chain.
    /// @return size of the head for which it was checked
    /// @return root of that head
    function verifyInclusion(bytes32 origin, uint64 index, bytes calldata entry, bytes32[] calldata proof)
        external
        view
        returns (uint64 size, bytes32 root);

    /// @notice Check that the log once had the head (`oldSize`, `oldRoot`), or would have had it: that the anchored
    /// head extends it. Reverts if not.
    function verifyOlder(bytes32 origin, uint64 oldSize, bytes32 oldRoot, bytes32[] calldata consistencyProof)
        external
        view
        returns (uint64 size, bytes32 root);

    /// @notice As `verifyInclusion`, with a proof that was made for an older head.
    function verifyInclusionInOlder(
        bytes32 origin,
        uint64 index,
        bytes calldata entry,
        bytes32[] calldata inclusionProof,
        uint64 oldSize,
        bytes32 oldRoot,
        bytes32[] calldata consistencyProof
    ) external view returns (uint64 size, bytes32 root);
}
