// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ArchiveLog} from "../../../contracts/src/ArchiveLog.sol";
import {IArchiveLog} from "../../../contracts/src/interfaces/IArchiveLog.sol";
import {Trees} from "./Trees.sol";
import {vm} from "./Vm.sol";

/// @dev A publisher that is honest, careless and hostile by turns; it remembers what was anchored.
contract Publisher {
    uint256 internal constant SEED = 7;
    ArchiveLog public log = new ArchiveLog();
    bytes32 public origin;
    uint64 public size = 1;
    bool public frozen;
    uint64[] public history;

    constructor() {
        (string memory text,) = log.originOf("main");
        origin = log.open("main", Trees.entry(SEED, 0), string.concat(text, "+0+k"), address(this));
        history.push(1);
    }

    function anchorHonestly(uint64 growth) external {
        uint64 n = size + 1 + growth % 20;
        if (n > 200) return;
        bytes32[] memory proof = Trees.consistency(SEED, size, n);
        try log.anchor(origin, n, Trees.root(SEED, n), bytes32(uint256(n)), proof) {
            assert(!frozen);
            size = n;
            history.push(n);
        } catch (bytes memory reason) {
            assert(frozen && bytes4(reason) == IArchiveLog.LogIsFrozen.selector);
        }
    }

    function anchorAnotherHistory(uint64 growth, uint256 seed, bool stale) external {
        if (seed == SEED) return;
        uint64 n = size + 1 + growth % 20;
        bytes32[] memory proof = Trees.consistency(stale ? SEED : seed, size, n);
        _mustRefuse(n, Trees.root(seed, n), proof);
    }

    function anchorGoingBack(uint64 to) external {
        to = to % (size + 1);
        _mustRefuse(to, to == 0 ? bytes32(0) : Trees.root(SEED, to), new bytes32[](0));
    }

    function anchorAsStranger(address stranger) external {
        if (stranger == address(this)) return;
        bytes32[] memory proof = Trees.consistency(SEED, size, size + 1);
        bytes32 root = Trees.root(SEED, size + 1);
        vm.prank(stranger);
        try log.anchor(origin, size + 1, root, root, proof) {
            assert(false);
        } catch {}
    }

    function freeze(uint8 dice) external {
        if (dice < 250 || frozen) return;
        log.freeze(origin);
        frozen = true;
    }

    function heads() external view returns (uint256) {
        return history.length;
    }

    function _mustRefuse(uint64 n, bytes32 root, bytes32[] memory proof) private {
        try log.anchor(origin, n, root, bytes32(uint256(1)), proof) {
            assert(false);
        } catch {}
    }
}

contract ArchiveLogInvariants {
    uint256 private constant _SEED = 7;
    Publisher private _publisher;

    function setUp() external {
        _publisher = new Publisher();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_publisher);
    }

    /// @notice Whatever was tried, the log stands at the last honest head, and every head that it ever had is a
    /// prefix of it.
    function invariant_the_log_is_the_last_honest_head_and_extends_every_earlier_one() external view {
        ArchiveLog log = _publisher.log();
        bytes32 origin = _publisher.origin();
        IArchiveLog.LogState memory state = log.state(origin);
        assert(state.size == _publisher.size());
        assert(state.root == Trees.root(_SEED, state.size));
        assert(state.frozen == _publisher.frozen());
        uint64 older = _publisher.history(state.size % _publisher.heads());
        bytes32[] memory proof = Trees.consistency(_SEED, older, state.size);
        log.verifyOlder(origin, older, Trees.root(_SEED, older), proof);
        proof = Trees.inclusion(_SEED, older - 1, 0, state.size);
        log.verifyInclusion(origin, older - 1, Trees.entry(_SEED, older - 1), proof);
    }
}
