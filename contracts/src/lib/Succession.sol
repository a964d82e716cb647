// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Origins} from "./Origins.sol";
import {Rfc9162} from "./Rfc9162.sol";

/// @title How a log commits the last head of the one that it follows
library Succession {
    /// @notice Canonical JSON (RFC 8785) of a head. No character of an origin needs escaping.
    function headStatement(string memory name, uint64 size, bytes32 root) internal view returns (bytes memory) {
        return abi.encodePacked(
            '{"origin":"',
            Origins.text(name),
            '","root":"',
            Base64.encodeURL(abi.encodePacked(root)),
            '","size":',
            Strings.toString(size),
            ',"v":1}'
        );
    }

    /// @notice The commitment of a log entry to `object`, with the all-zero salt of public entries.
    function commitment(bytes memory object) internal view returns (bytes32) {
        return Rfc9162.sha(abi.encodePacked("onefile/c/v1", bytes32(0), Rfc9162.sha(object)));
    }

    /// @notice Whether `entry` commits `c`. An entry is canonical JSON, so its member `c` comes first.
    function commits(bytes calldata entry, bytes32 c) internal pure returns (bool) {
        bytes memory head = abi.encodePacked('{"c":"', Base64.encodeURL(abi.encodePacked(c)), '",');
        return entry.length > head.length && keccak256(entry[:head.length]) == keccak256(head);
    }
}
