// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rfc9162} from "../../../contracts/src/lib/Rfc9162.sol";

/// @title The proof library, opened for tests: one case by name, or many in one call
contract ProofHarness {
    struct Consistency {
        uint64 first;
        bytes32 firstRoot;
        uint64 second;
        bytes32 secondRoot;
        bytes32[] proof;
    }

    struct Inclusion {
        bytes32 leaf;
        uint64 index;
        uint64 size;
        bytes32 root;
        bytes32[] proof;
    }

    function consistency(Consistency calldata c) external view {
        Rfc9162.requireConsistent(c.first, c.firstRoot, c.second, c.secondRoot, c.proof);
    }

    function inclusion(Inclusion calldata c) external view {
        Rfc9162.requireIncluded(c.leaf, c.index, c.size, c.root, c.proof);
    }

    function leaf(bytes calldata entry) external view returns (bytes32) {
        return Rfc9162.leafHash(entry);
    }

    /// @return outcomes zero where the case is accepted, else the selector of its error
    function consistencies(Consistency[] calldata cases) external view returns (bytes4[] memory outcomes) {
        outcomes = new bytes4[](cases.length);
        for (uint256 i = 0; i < cases.length; ++i) {
            try this.consistency(cases[i]) {}
            catch (bytes memory reason) {
                outcomes[i] = bytes4(reason);
            }
        }
    }

    function inclusions(Inclusion[] calldata cases) external view returns (bytes4[] memory outcomes) {
        outcomes = new bytes4[](cases.length);
        for (uint256 i = 0; i < cases.length; ++i) {
            try this.inclusion(cases[i]) {}
            catch (bytes memory reason) {
                outcomes[i] = bytes4(reason);
            }
        }
    }
}
