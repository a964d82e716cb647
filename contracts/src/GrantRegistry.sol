// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IGrantRegistry} from "./interfaces/IGrantRegistry.sol";
import {GrantHashes} from "./lib/GrantHashes.sol";

/// @title Revoked grants and mandates (see IGrantRegistry)
/// @dev Has no owner and no switch. It cannot tell a grant's nullifier from any other hash, and need not.
contract GrantRegistry is EIP712, IGrantRegistry {
    mapping(bytes32 nullifier => uint64) private _nullifiedAt;

    constructor() EIP712("OneFile", "1") {}

    /// @inheritdoc IGrantRegistry
    function revoke(bytes32 secret) external {
        bytes32 nullifier = keccak256(abi.encodePacked(secret));
        uint64 time = _nullifiedAt[nullifier];
        if (time != 0) revert AlreadyNullified(nullifier, time);

        _nullifiedAt[nullifier] = uint64(block.timestamp);
        emit Nullified(nullifier, secret);
    }

    /// @inheritdoc IGrantRegistry
    function nullifiedAt(bytes32 nullifier) external view returns (uint64) {
        return _nullifiedAt[nullifier];
    }

    /// @inheritdoc IGrantRegistry
    function hashGrant(AccessGrant calldata grant) external view returns (bytes32) {
        return _hashTypedDataV4(GrantHashes.accessGrant(grant));
    }

    /// @inheritdoc IGrantRegistry
    function hashMandate(Mandate calldata mandate) external view returns (bytes32) {
        return _hashTypedDataV4(GrantHashes.mandate(mandate));
    }
}
