// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../interfaces/IDossierRegistry.sol";
import {IGuardians} from "../interfaces/IGuardians.sol";
import {SignedMessages} from "./SignedMessages.sol";

/// @title What the registry keeps of each dossier, and the checks that every change of it shares
abstract contract DossierStore is SignedMessages, IDossierRegistry, IGuardians {
    mapping(bytes32 dossier => Dossier) internal _dossiers;

    function _known(bytes32 dossier) internal view returns (Dossier storage d) {
        d = _dossiers[dossier];
        if (d.owner == address(0)) revert DossierUnknown(dossier);
    }

    function _useNonce(Dossier storage d, bytes32 dossier, uint64 nonce) internal {
        uint64 expected = d.nonce;
        if (nonce != expected) revert NonceInvalid(dossier, expected, nonce);
        d.nonce = expected + 1;
    }

    /// @dev The owner always, the controller unless the dossier is frozen.
    function _requireSignedByHolder(Dossier storage d, bytes32 dossier, bytes32 digest, bytes calldata signature)
        internal
        view
    {
        _requireSignedByEither(d.controller, d.owner, digest, signature);
        uint64 until = d.frozenUntil;
        if (block.timestamp < until && !_isSignedBy(d.owner, digest, signature)) {
            revert DossierIsFrozen(dossier, until);
        }
    }

    function _requireAccounts(address owner, address controller) internal pure {
        if (owner == address(0) || controller == address(0)) revert AccountMissing();
    }
}
