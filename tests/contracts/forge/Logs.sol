// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ArchiveLog} from "../../../contracts/src/ArchiveLog.sol";
import {Trees} from "./Trees.sol";
import {vm} from "./Vm.sol";

/// @dev Owners, publishers and strangers of three logs in one contract, honest, careless and hostile by turns. Before
/// each call it says whether the contract must take it, and remembers what that makes of the log. People are the
/// addresses 0x1001 to 0x1004; a caller below 160 is the one who may.
contract Logs {
    struct Ghost {
        uint64 size;
        address publisher;
        bool frozen;
        address owner;
        address offered;
        uint64[] history;
    }

    uint64 private constant _LARGEST = 64;
    ArchiveLog public immutable archive = new ArchiveLog();
    mapping(uint256 log => Ghost) private _ghosts;

    constructor() {
        open(0, 0);
        open(1, 1);
    }

    function open(uint8 which, uint8 caller) public {
        uint256 log = which % 3;
        Ghost storage g = _ghosts[log];
        (string memory text,) = archive.originOf(nameOf(log));
        address by = _person(caller);
        bytes memory call = abi.encodeCall(
            archive.open, (nameOf(log), Trees.entry(log, 0), string.concat(text, "+0+k"), _person(caller / 4))
        );
        if (!_send(by, call, g.size == 0)) return;
        (g.size, g.owner, g.publisher) = (1, by, _person(caller / 4));
        g.history.push(1);
    }

    function anchor(uint8 which, uint8 growth, uint8 caller) external {
        Ghost storage g = _ghosts[which % 3];
        uint64 size = g.size + 1 + growth % 12;
        if (g.size == 0 || size > _LARGEST) return;
        address by = _caller(caller, g.publisher);
        bytes32[] memory proof = Trees.consistency(which % 3, g.size, size);
        bytes memory call = _anchoring(which % 3, size, Trees.root(which % 3, size), proof);
        if (!_send(by, call, by == g.publisher && !g.frozen)) return;
        g.size = size;
        g.history.push(size);
    }

    function anchorAnotherHistory(uint8 which, uint8 growth, uint256 seed, bool stale) external {
        uint256 log = which % 3;
        Ghost storage g = _ghosts[log];
        if (g.size == 0 || seed == log) return;
        uint64 size = g.size + 1 + growth % 12;
        bytes32[] memory proof = Trees.consistency(stale ? log : seed, g.size, size);
        _send(g.publisher, _anchoring(log, size, Trees.root(seed, size), proof), false);
    }

    function anchorGoingBack(uint8 which, uint64 to) external {
        Ghost storage g = _ghosts[which % 3];
        to %= g.size + 1;
        bytes32 root = to == 0 ? bytes32(0) : Trees.root(which % 3, to);
        _send(g.publisher, _anchoring(which % 3, to, root, new bytes32[](0)), false);
    }

    function anchorWithoutEnd(uint8 which, uint64 growth, bytes32[] calldata proof) external {
        Ghost storage g = _ghosts[which % 3];
        growth = g.size + archive.MAX_GROWTH() + 1 + growth % (1 << 62);
        _send(g.publisher, _anchoring(which % 3, growth, "root", proof), false);
    }

    function rotatePublisher(uint8 which, uint8 to, uint8 caller) external {
        Ghost storage g = _ghosts[which % 3];
        address by = _caller(caller, g.owner);
        bytes memory call = abi.encodeCall(archive.rotatePublisher, (originOf(which % 3), _person(to)));
        if (_send(by, call, g.size != 0 && by == g.owner)) g.publisher = _person(to);
    }

    function proposeOwner(uint8 which, uint8 to, uint8 caller) external {
        Ghost storage g = _ghosts[which % 3];
        address by = _caller(caller, g.owner);
        bytes memory call = abi.encodeCall(archive.proposeOwner, (originOf(which % 3), _person(to)));
        if (_send(by, call, g.size != 0 && by == g.owner)) g.offered = _person(to);
    }

    function acceptOwner(uint8 which, uint8 caller) external {
        Ghost storage g = _ghosts[which % 3];
        address by = _caller(caller, g.offered);
        if (by == address(0)) return; // nothing is ever sent by the account zero
        bool right = g.size != 0 && by == g.offered;
        if (_send(by, abi.encodeCall(archive.acceptOwner, (originOf(which % 3))), right)) {
            (g.owner, g.offered) = (by, address(0));
        }
    }

    function freeze(uint8 which, uint8 caller, uint8 dice) external {
        if (dice % 8 != 0) return;
        Ghost storage g = _ghosts[which % 3];
        address by = _caller(caller, g.owner);
        bool right = g.size != 0 && by == g.owner && !g.frozen;
        if (_send(by, abi.encodeCall(archive.freeze, (originOf(which % 3))), right)) g.frozen = true;
    }

    /// @notice No log here commits another one, so none succeeds another.
    function succeed(uint8 which, uint8 to, bytes calldata entry0) external {
        Ghost storage g = _ghosts[which % 3];
        bytes32[] memory proof = new bytes32[](0);
        bytes memory own = entry0.length % 2 == 0 ? entry0 : Trees.entry(to % 3, 0);
        _send(g.owner, abi.encodeCall(archive.succeed, (originOf(which % 3), originOf(to % 3), own, proof)), false);
    }

    function ghost(uint256 log) external view returns (Ghost memory) {
        return _ghosts[log];
    }

    function originOf(uint256 log) public view returns (bytes32 origin) {
        (, origin) = archive.originOf(nameOf(log));
    }

    function nameOf(uint256 log) public pure returns (string memory) {
        return log == 0 ? "north" : log == 1 ? "south" : "not-yet";
    }

    function _anchoring(uint256 log, uint64 size, bytes32 root, bytes32[] memory proof)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(archive.anchor, (originOf(log), size, root, bytes32(uint256(1)), proof));
    }

    function _person(uint8 who) private pure returns (address) {
        return address(uint160(0x1001 + who % 4));
    }

    function _caller(uint8 caller, address rightful) private pure returns (address) {
        return caller < 160 ? rightful : _person(caller);
    }

    function _send(address by, bytes memory call, bool right) private returns (bool done) {
        vm.prank(by);
        (done,) = address(archive).call(call);
        assert(done == right);
    }
}
