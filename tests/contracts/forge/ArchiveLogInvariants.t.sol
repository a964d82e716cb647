// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ArchiveLog} from "../../../contracts/src/ArchiveLog.sol";
import {IArchiveLog} from "../../../contracts/src/interfaces/IArchiveLog.sol";
import {Logs} from "./Logs.sol";
import {Trees} from "./Trees.sol";

contract ArchiveLogInvariants {
    Logs private _logs;
    ArchiveLog private _archive;

    function setUp() external {
        _logs = new Logs();
        _archive = _logs.archive();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_logs);
    }

    /// @notice Whatever was tried, each origin has one state, at the last honest head, and every head that it ever had
    /// is a prefix of it, frozen or not.
    function invariant_each_log_is_its_last_honest_head_and_extends_every_earlier_one() external view {
        for (uint256 log = 0; log < 3; ++log) {
            Logs.Ghost memory g = _logs.ghost(log);
            if (g.size == 0) {
                try _archive.state(_logs.originOf(log)) {
                    assert(false);
                } catch (bytes memory reason) {
                    assert(bytes4(reason) == IArchiveLog.LogUnknown.selector);
                }
                continue;
            }
            _compare(_archive.state(_logs.originOf(log)), g, log);
            _prove(g, log);
        }
    }

    function _compare(IArchiveLog.LogState memory s, Logs.Ghost memory g, uint256 log) private view {
        assert(s.size == g.size && s.root == Trees.root(log, g.size));
        assert(s.publisher == g.publisher && s.owner == g.owner && s.pendingOwner == g.offered);
        assert(s.frozen == g.frozen && s.successor == bytes32(0));
        assert(keccak256(bytes(s.name)) == keccak256(bytes(_logs.nameOf(log))));
    }

    function _prove(Logs.Ghost memory g, uint256 log) private view {
        bytes32 origin = _logs.originOf(log);
        for (uint256 i = 0; i < g.history.length; ++i) {
            uint64 older = g.history[i];
            assert(i == 0 ? older == 1 : older > g.history[i - 1]);
            bytes32[] memory proof = Trees.consistency(log, older, g.size);
            _archive.verifyOlder(origin, older, Trees.root(log, older), proof);
        }
        uint64 last = g.history[g.history.length / 2] - 1;
        bytes32[] memory path = Trees.inclusion(log, last, 0, g.size);
        _archive.verifyInclusion(origin, last, Trees.entry(log, last), path);
    }
}
