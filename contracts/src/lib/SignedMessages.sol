// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IKeyCards} from "../interfaces/IKeyCards.sol";
import {KeyCards} from "./KeyCards.sol";

/// @title The domain, the deadline and the signature check that both registries share
/// @dev Signers with code are asked by ERC-1271 with a static call, so that no check can change state.
abstract contract SignedMessages is EIP712, IKeyCards {
    constructor() EIP712("OneFile", "1") {}

    /// @inheritdoc IKeyCards
    function hashKeyCard(KeyCard calldata card) public view returns (bytes32) {
        return _hashTypedDataV4(KeyCards.structHash(card));
    }

    function _requireInTime(uint64 deadline) internal view {
        if (block.timestamp > deadline) revert DeadlinePassed(deadline, uint64(block.timestamp));
    }

    function _requireSignedBy(address signer, bytes32 digest, bytes calldata signature) internal view {
        if (!_isSignedBy(signer, digest, signature)) revert SignatureInvalid(digest);
    }

    function _isSignedBy(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        return SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature);
    }

    function _requireSignedByEither(address first, address second, bytes32 digest, bytes calldata signature)
        internal
        view
    {
        if (!_isSignedBy(first, digest, signature)) _requireSignedBy(second, digest, signature);
    }
}
