// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IArchiveLog} from "../interfaces/IArchiveLog.sol";

/// @title How a log is named
library Origins {
    uint256 private constant _MAX_NAME = 31;
    uint256 private constant _MAX_VKEY = 256;

    /// @notice `onefile/<chainId>/<contract>/<name>`, the address in lower case.
    function text(string memory name) internal view returns (string memory) {
        string memory self = Strings.toHexString(address(this));
        return string.concat("onefile/", Strings.toString(block.chainid), "/", self, "/", name);
    }

    /// @notice What functions, events and grants take for the origin.
    function hash(string memory name) internal view returns (bytes32) {
        return keccak256(bytes(text(name)));
    }

    /// @notice A name needs no escaping in JSON, in a signed note or in an address.
    function requireName(string calldata name) internal pure {
        bytes calldata raw = bytes(name);
        if (raw.length == 0 || raw.length > _MAX_NAME) revert IArchiveLog.NameInvalid(name);
        for (uint256 i = 0; i < raw.length; ++i) {
            bytes1 c = raw[i];
            bool good = (c >= "a" && c <= "z") || (c >= "0" && c <= "9") || c == "-";
            if (!good) revert IArchiveLog.NameInvalid(name);
        }
    }

    /// @notice A verifier key's text starts with its key name, which is the origin. The key itself is not looked at.
    function requireVkey(string calldata vkey, string memory name) internal view {
        bytes memory prefix = abi.encodePacked(text(name), "+");
        bytes calldata raw = bytes(vkey);
        bool good = raw.length > prefix.length && raw.length <= _MAX_VKEY;
        if (!good || keccak256(raw[:prefix.length]) != keccak256(prefix)) revert IArchiveLog.LogVkeyInvalid(vkey);
    }
}
