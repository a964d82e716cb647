// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IArchiveLog} from "./interfaces/IArchiveLog.sol";
import {Origins} from "./lib/Origins.sol";
import {Rfc9162} from "./lib/Rfc9162.sol";
import {Succession} from "./lib/Succession.sol";

/// @title Heads of append-only logs, which only ever extend (see IArchiveLog)
/// @dev Nothing here can be upgraded, paused by us, or undone. Each log has its own owner; the contract has none.
contract ArchiveLog is IArchiveLog {
    /// @inheritdoc IArchiveLog
    uint64 public constant MAX_GROWTH = 1 << 20;
    uint256 private constant _MAX_ENTRY = 65_535;

    mapping(bytes32 origin => LogState) private _logs;

    modifier onlyLogOwner(bytes32 origin) {
        address owner = _known(origin).owner;
        if (msg.sender != owner) revert NotLogOwner(origin, msg.sender);
        _;
    }

    /// @inheritdoc IArchiveLog
    function open(string calldata name, bytes calldata entry0, string calldata logVkey, address publisher)
        external
        returns (bytes32 origin)
    {
        Origins.requireName(name);
        origin = Origins.hash(name);
        if (_logs[origin].size != 0) revert LogExists(origin);
        if (entry0.length == 0 || entry0.length > _MAX_ENTRY) revert EntryLengthInvalid(entry0.length);
        Origins.requireVkey(logVkey, name);
        if (publisher == address(0)) revert AccountMissing();

        emit LogOpened(origin, name, msg.sender, publisher, logVkey, entry0);
        LogState storage log = _logs[origin];
        log.name = name;
        log.size = 1;
        log.publisher = publisher;
        log.owner = msg.sender;
        log.logVkey = logVkey;
        log.root = Rfc9162.leafHash(entry0);
        emit Anchored(origin, 1, log.root, bytes32(0));
    }

    /// @inheritdoc IArchiveLog
    function anchor(
        bytes32 origin,
        uint64 newSize,
        bytes32 newRoot,
        bytes32 checkpointHash,
        bytes32[] calldata proof
    ) external {
        LogState storage log = _known(origin);
        uint64 size = log.size;
        if (msg.sender != log.publisher) revert NotPublisher(origin, msg.sender);
        if (log.frozen) revert LogIsFrozen(origin);
        if (newSize <= size) revert SizeNotGrown(size, newSize);
        if (newSize - size > MAX_GROWTH) revert GrowthTooLarge(size, newSize, MAX_GROWTH);
        if (checkpointHash == bytes32(0)) revert CheckpointHashMissing();
        Rfc9162.requireConsistent(size, log.root, newSize, newRoot, proof);

        log.size = newSize;
        log.root = newRoot;
        emit Anchored(origin, newSize, newRoot, checkpointHash);
    }

    /// @inheritdoc IArchiveLog
    function rotatePublisher(bytes32 origin, address publisher) external onlyLogOwner(origin) {
        if (publisher == address(0)) revert AccountMissing();
        _logs[origin].publisher = publisher;
        emit PublisherRotated(origin, publisher);
    }

    /// @inheritdoc IArchiveLog
    function rotateLogVkey(bytes32 origin, string calldata logVkey) external onlyLogOwner(origin) {
        Origins.requireVkey(logVkey, _logs[origin].name);
        _logs[origin].logVkey = logVkey;
        emit LogVkeyRotated(origin, logVkey);
    }

    /// @inheritdoc IArchiveLog
    function proposeOwner(bytes32 origin, address newOwner) external onlyLogOwner(origin) {
        _logs[origin].pendingOwner = newOwner;
        emit LogOwnerProposed(origin, newOwner);
    }

    /// @inheritdoc IArchiveLog
    function acceptOwner(bytes32 origin) external {
        LogState storage log = _known(origin);
        if (msg.sender != log.pendingOwner) revert NotPendingOwner(origin, msg.sender);
        log.owner = msg.sender;
        log.pendingOwner = address(0);
        emit LogOwnerRotated(origin, msg.sender);
    }

    /// @inheritdoc IArchiveLog
    function freeze(bytes32 origin) external onlyLogOwner(origin) {
        LogState storage log = _logs[origin];
        if (log.frozen) revert LogIsFrozen(origin);
        log.frozen = true;
        emit LogFrozen(origin, log.size, log.root);
    }

    /// @inheritdoc IArchiveLog
    function succeed(bytes32 origin, bytes32 successor, bytes calldata entry0, bytes32[] calldata proof)
        external
        onlyLogOwner(origin)
        onlyLogOwner(successor)
    {
        LogState storage log = _logs[origin];
        if (!log.frozen) revert LogNotFrozen(origin);
        if (log.successor != bytes32(0)) revert AlreadySucceeded(origin, log.successor);
        if (!Succession.commits(entry0, successionCommitment(origin))) revert SuccessorInvalid(origin, successor);
        verifyInclusion(successor, 0, entry0, proof);

        log.successor = successor;
        emit LogSucceeded(origin, successor);
    }

    /// @inheritdoc IArchiveLog
    function state(bytes32 origin) external view returns (LogState memory) {
        return _known(origin);
    }

    /// @inheritdoc IArchiveLog
    function verifyOlder(bytes32 origin, uint64 oldSize, bytes32 oldRoot, bytes32[] calldata consistencyProof)
        public
        view
        returns (uint64 size, bytes32 root)
    {
        LogState storage log = _known(origin);
        (size, root) = (log.size, log.root);
        Rfc9162.requireConsistent(oldSize, oldRoot, size, root, consistencyProof);
    }

    /// @inheritdoc IArchiveLog
    function verifyInclusionInOlder(
        bytes32 origin,
        uint64 index,
        bytes calldata entry,
        bytes32[] calldata inclusionProof,
        uint64 oldSize,
        bytes32 oldRoot,
        bytes32[] calldata consistencyProof
    ) external view returns (uint64 size, bytes32 root) {
        (size, root) = verifyOlder(origin, oldSize, oldRoot, consistencyProof);
        Rfc9162.requireIncluded(Rfc9162.leafHash(entry), index, oldSize, oldRoot, inclusionProof);
    }

    /// @inheritdoc IArchiveLog
    function verifyInclusion(bytes32 origin, uint64 index, bytes calldata entry, bytes32[] calldata proof)
        public
        view
        returns (uint64 size, bytes32 root)
    {
        LogState storage log = _known(origin);
        (size, root) = (log.size, log.root);
        Rfc9162.requireIncluded(Rfc9162.leafHash(entry), index, size, root, proof);
    }

    /// @inheritdoc IArchiveLog
    function originOf(string calldata name) external view returns (string memory text, bytes32 origin) {
        return (Origins.text(name), Origins.hash(name));
    }

    /// @inheritdoc IArchiveLog
    function headStatement(bytes32 origin) public view returns (bytes memory) {
        LogState storage log = _known(origin);
        return Succession.headStatement(log.name, log.size, log.root);
    }

    /// @inheritdoc IArchiveLog
    function successionCommitment(bytes32 origin) public view returns (bytes32) {
        return Succession.commitment(headStatement(origin));
    }

    function _known(bytes32 origin) private view returns (LogState storage log) {
        log = _logs[origin];
        if (log.size == 0) revert LogUnknown(origin);
    }
}
