// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ArchiveLog} from "../../../contracts/src/ArchiveLog.sol";
import {IArchiveLog} from "../../../contracts/src/interfaces/IArchiveLog.sol";
import {IRfc9162} from "../../../contracts/src/interfaces/IRfc9162.sol";
import {Trees} from "./Trees.sol";
import {vm} from "./Vm.sol";

contract ArchiveLogTest {
    uint256 private constant _SEED = 7;
    address private constant _PUBLISHER = address(0xB0B);
    ArchiveLog private _log = new ArchiveLog();
    bytes32 private _origin = _open("main", Trees.entry(_SEED, 0));

    function testFuzz_a_name_opens_once(address other, bytes calldata entry0) external {
        string memory vkey = _vkey("main");
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogExists.selector, _origin));
        _log.open("main", entry0, vkey, other);
    }

    /// @dev Any name that opens is of the alphabet and of the right length, and any other one is refused by name.
    function testFuzz_a_name_is_1_to_31_of_the_alphabet(bytes calldata raw, uint8 length, bool spoil) external {
        bytes memory name = new bytes(length % 34);
        bool good = name.length != 0 && name.length < 32;
        for (uint256 i = 0; i < name.length; ++i) {
            uint8 dice = i < raw.length ? uint8(raw[i]) : uint8(i * 7);
            name[i] = spoil && i == dice % name.length ? bytes1(dice) : bytes("abcdefghijklmnopqrstuvwxyz0123456789-")[dice % 37];
            good = good && _inAlphabet(uint8(name[i]));
        }
        string memory vkey = _vkey(string(name));
        if (!good) vm.expectRevert(abi.encodeWithSelector(IArchiveLog.NameInvalid.selector, string(name)));
        bytes32 origin = _log.open(string(name), "entry", vkey, _PUBLISHER);
        if (good) assert(_log.state(origin).size == 1);
    }

    function testFuzz_an_entry_is_1_to_65535_bytes(uint32 length) external {
        length %= 70_000;
        bytes memory entry = new bytes(length);
        string memory vkey = _vkey("other");
        bool good = length != 0 && length < 65_536;
        if (!good) vm.expectRevert(abi.encodeWithSelector(IArchiveLog.EntryLengthInvalid.selector, length));
        bytes32 origin = _log.open("other", entry, vkey, _PUBLISHER);
        if (good) assert(_log.state(origin).root == sha256(abi.encodePacked(bytes1(0), entry)));
    }

    function test_entries_at_the_limits() external {
        this.testFuzz_an_entry_is_1_to_65535_bytes(0);
        this.testFuzz_an_entry_is_1_to_65535_bytes(65_536);
        this.testFuzz_an_entry_is_1_to_65535_bytes(65_535);
    }

    function testFuzz_a_verifier_key_belongs_to_the_origin(string calldata other, uint16 length) external {
        string memory long = string(abi.encodePacked(_vkey("main"), new bytes(length % 300)));
        bool good = bytes(long).length <= 256;
        if (!good) vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogVkeyInvalid.selector, long));
        _log.rotateLogVkey(_origin, long);
        assert(!good || keccak256(bytes(_log.state(_origin).logVkey)) == keccak256(bytes(long)));
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogVkeyInvalid.selector, other));
        _log.rotateLogVkey(_origin, other);
        string memory long256 = string(abi.encodePacked("x", bytes.concat(bytes(_vkey("main")), "y")));
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogVkeyInvalid.selector, long256));
        _log.rotateLogVkey(_origin, long256);
    }

    function test_a_log_has_a_publisher() external {
        string memory vkey = _vkey("other");
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.AccountMissing.selector));
        _log.open("other", "entry", vkey, address(0));
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.AccountMissing.selector));
        _log.rotatePublisher(_origin, address(0));
    }

    function testFuzz_only_the_publisher_anchors(address other, uint64 size, bytes32 root, bytes32[] calldata proof)
        external
    {
        vm.assume(other != _PUBLISHER);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.NotPublisher.selector, _origin, other));
        _log.anchor(_origin, size, root, root, proof);
    }

    function testFuzz_a_rotated_publisher_anchors_and_the_old_one_does_not(address next) external {
        vm.assume(next != address(0) && next != _PUBLISHER);
        _log.rotatePublisher(_origin, next);
        bytes32[] memory proof = Trees.consistency(_SEED, 1, 2);
        bytes32 root = Trees.root(_SEED, 2);
        vm.prank(_PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.NotPublisher.selector, _origin, _PUBLISHER));
        _log.anchor(_origin, 2, root, "checkpoint", proof);
        vm.prank(next);
        _log.anchor(_origin, 2, root, "checkpoint", proof);
        assert(_log.state(_origin).size == 2);
    }

    function testFuzz_a_head_grows_by_at_most_the_cap(uint64 size, bytes32 root, bytes32[] calldata proof) external {
        _anchor(6);
        uint64 cap = _log.MAX_GROWTH();
        uint64 small = size % 7;
        vm.prank(_PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.SizeNotGrown.selector, 6, small));
        _log.anchor(_origin, small, root, "checkpoint", proof);
        if (size <= 6 + cap) size = 7 + cap;
        vm.prank(_PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.GrowthTooLarge.selector, 6, size, cap));
        _log.anchor(_origin, size, root, "checkpoint", proof);
        vm.prank(_PUBLISHER); // as far as the cap it is the proof that is looked at
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.ProofLengthInvalid.selector, 6, 6 + cap, 0));
        _log.anchor(_origin, 6 + cap, root, "checkpoint", new bytes32[](0));
    }

    function test_a_head_has_a_checkpoint() external {
        vm.prank(_PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.CheckpointHashMissing.selector));
        _log.anchor(_origin, 2, "root", 0, new bytes32[](0));
    }

    function testFuzz_nobody_but_the_owner_rotates_freezes_or_succeeds(address other, bytes calldata any) external {
        vm.assume(other != address(this) && other != address(0)); // nothing is ever sent by the account zero
        bytes[5] memory calls = [
            abi.encodeCall(_log.rotatePublisher, (_origin, other)),
            abi.encodeCall(_log.rotateLogVkey, (_origin, string(any))),
            abi.encodeCall(_log.proposeOwner, (_origin, other)),
            abi.encodeCall(_log.freeze, (_origin)),
            abi.encodeCall(_log.succeed, (_origin, _origin, any, new bytes32[](0)))
        ];
        bytes32 refused = keccak256(abi.encodeWithSelector(IArchiveLog.NotLogOwner.selector, _origin, other));
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(other);
            (bool done, bytes memory reason) = address(_log).call(calls[i]);
            assert(!done && keccak256(reason) == refused);
        }
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.NotPendingOwner.selector, _origin, other));
        _log.acceptOwner(_origin);
    }

    function testFuzz_an_offered_log_is_taken_by_whom_it_was_offered(address next) external {
        vm.assume(next != address(0));
        _log.proposeOwner(_origin, next);
        assert(_log.state(_origin).owner == address(this));
        vm.prank(next);
        _log.acceptOwner(_origin);
        assert(_log.state(_origin).owner == next && _log.state(_origin).pendingOwner == address(0));
    }

    function testFuzz_a_frozen_log_never_anchors_and_still_proves(uint64 size, bytes32 root, bytes32[] memory proof) external {
        _anchor(6);
        _log.freeze(_origin);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogIsFrozen.selector, _origin));
        _log.freeze(_origin);
        vm.prank(_PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogIsFrozen.selector, _origin));
        _log.anchor(_origin, size, root, root, proof);
        _log.verifyInclusion(_origin, 2, Trees.entry(_SEED, 2), Trees.inclusion(_SEED, 2, 0, 6));
    }

    function testFuzz_an_entry_is_proven_in_any_older_head(uint64 i, uint64 older, uint64 size) external {
        size = 2 + size % 40;
        older = 1 + older % size;
        i %= older;
        _anchor(size);
        bytes32[] memory path = Trees.inclusion(_SEED, i, 0, older);
        bytes32[] memory proof = Trees.consistency(_SEED, older, size);
        bytes memory entry = Trees.entry(_SEED, i);
        bytes32 root = Trees.root(_SEED, older);
        (uint64 got,) = _log.verifyInclusionInOlder(_origin, i, entry, path, older, root, proof);
        (uint64 same,) = _log.verifyOlder(_origin, older, root, proof);
        assert(got == size && same == size);
    }

    function testFuzz_a_log_that_was_never_opened_is_unknown(bytes32 nowhere) external {
        vm.assume(nowhere != _origin);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogUnknown.selector, nowhere));
        _log.state(nowhere);
    }

    function _open(string memory name, bytes memory entry0) private returns (bytes32) {
        return _log.open(name, entry0, _vkey(name), _PUBLISHER);
    }

    function _anchor(uint64 size) private {
        uint64 from = _log.state(_origin).size;
        bytes32[] memory proof = Trees.consistency(_SEED, from, size);
        bytes32 root = Trees.root(_SEED, size);
        vm.prank(_PUBLISHER);
        _log.anchor(_origin, size, root, "checkpoint", proof);
    }

    function _vkey(string memory name) private view returns (string memory) {
        (string memory text,) = _log.originOf(name);
        return string.concat(text, "+0+k");
    }

    function _inAlphabet(uint8 c) private pure returns (bool) {
        return (c > 96 && c < 123) || (c > 47 && c < 58) || c == 45;
    }
}
