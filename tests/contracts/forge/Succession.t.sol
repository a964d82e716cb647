// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {ArchiveLog} from "../../../contracts/src/ArchiveLog.sol";
import {IArchiveLog} from "../../../contracts/src/interfaces/IArchiveLog.sol";
import {IRfc9162} from "../../../contracts/src/interfaces/IRfc9162.sol";
import {vm} from "./Vm.sol";

contract SuccessionTest {
    ArchiveLog private _log = new ArchiveLog();
    bytes32 private _old = _open("old", "the first log");
    bytes32[] private _none;

    function testFuzz_a_successor_commits_the_frozen_head(bytes calldata rest, bytes32 pad) external {
        bytes memory entry0 = _committing(rest, pad);
        bytes32 next = _open("next", entry0);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.LogNotFrozen.selector, _old));
        _log.succeed(_old, next, entry0, _none);
        _log.freeze(_old);
        _log.succeed(_old, next, entry0, _none);
        assert(_log.state(_old).successor == next && _log.state(next).successor == 0);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.AlreadySucceeded.selector, _old, next));
        _log.succeed(_old, next, entry0, _none);
    }

    function testFuzz_what_commits_nothing_succeeds_nothing(bytes calldata entry0, uint256 place) external {
        vm.assume(entry0.length != 0);
        _log.freeze(_old);
        bytes32 next = _open("next", entry0);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.SuccessorInvalid.selector, _old, next));
        _log.succeed(_old, next, entry0, _none);
        bytes memory bent = _committing("", 0);
        bent[place % 51] ^= bytes1(uint8(1 + (place >> 8) % 255));
        bytes32 third = _open("third", bent);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.SuccessorInvalid.selector, _old, third));
        _log.succeed(_old, third, bent, _none);
    }

    /// @dev The entry that commits must be the successor's own entry 0.
    function testFuzz_a_true_commitment_does_not_graft_another_log(bytes calldata entry0) external {
        vm.assume(entry0.length != 0);
        _log.freeze(_old);
        bytes memory right = _committing("", 0);
        vm.assume(keccak256(right) != keccak256(entry0));
        bytes32 next = _open("next", entry0);
        bytes32 root = _log.state(next).root;
        bytes32 other = sha256(abi.encodePacked(bytes1(0), right));
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.SecondRootInvalid.selector, root, other));
        _log.succeed(_old, next, right, _none);
    }

    function test_the_contract_gives_the_statement_and_its_commitment() external view {
        (string memory origin,) = _log.originOf("old");
        assert(keccak256(_log.headStatement(_old)) == keccak256(bytes(_statement(origin))));
        assert(_log.successionCommitment(_old) == _commitment());
    }

    function testFuzz_both_logs_have_the_same_owner(address other) external {
        vm.assume(other != address(this) && other != address(0));
        _log.freeze(_old);
        bytes memory entry0 = _committing("", 0);
        bytes32 next = _open("next", entry0);
        _log.proposeOwner(next, other);
        vm.prank(other);
        _log.acceptOwner(next);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.NotLogOwner.selector, next, address(this)));
        _log.succeed(_old, next, entry0, _none);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IArchiveLog.NotLogOwner.selector, _old, other));
        _log.succeed(_old, next, entry0, _none);
    }

    function _committing(bytes memory rest, bytes32 pad) private view returns (bytes memory) {
        string memory c = Base64.encodeURL(abi.encodePacked(_commitment()));
        return abi.encodePacked('{"c":"', c, '",', rest, pad);
    }

    /// @dev docs/spec/contracts.md §2.8, without the contract's help.
    function _commitment() private view returns (bytes32) {
        (string memory origin,) = _log.originOf("old");
        bytes32 head = sha256(bytes(_statement(origin)));
        return sha256(abi.encodePacked("onefile/c/v1", bytes32(0), head));
    }

    function _statement(string memory origin) private pure returns (string memory) {
        string memory root = Base64.encodeURL(abi.encodePacked(sha256("\x00the first log")));
        return string.concat('{"origin":"', origin, '","root":"', root, '","size":1,"v":1}');
    }

    function _open(string memory name, bytes memory entry0) private returns (bytes32) {
        (string memory text,) = _log.originOf(name);
        return _log.open(name, entry0, string.concat(text, "+0+k"), address(this));
    }
}
