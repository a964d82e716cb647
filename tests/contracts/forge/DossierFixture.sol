// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DossierRegistry} from "../../../contracts/src/DossierRegistry.sol";
import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

/// @dev A dossier of the keys `_OWNER` and `_CONTROLLER`, and rightly signed messages about it.
abstract contract DossierFixture {
    uint256 internal constant _OWNER = 11;
    uint256 internal constant _CONTROLLER = 12;
    DossierRegistry internal _registry = new DossierRegistry();
    bytes32 internal _id = _open(vm.addr(_CONTROLLER), "salt");

    function _open(address controller, bytes32 salt) internal returns (bytes32 id) {
        IDossierRegistry.OpenDossier memory m =
            IDossierRegistry.OpenDossier(vm.addr(_OWNER), controller, salt, _time());
        id = _registry.dossierId(m.owner, salt);
        IKeyCards.KeyCard memory card = _first(id);
        _registry.open(m, _sign(_OWNER, Messages.hash(m)), card, _sign(_OWNER, Messages.hash(card)));
    }

    function _first(bytes32 id) internal view returns (IKeyCards.KeyCard memory) {
        return IKeyCards.KeyCard(id, 1, "present", "sealing", _time(), 0, 0);
    }

    function _sign(uint256 key, bytes32 message) internal view returns (bytes memory) {
        return Messages.sign(key, _digest(message));
    }

    function _digest(bytes32 message) internal view returns (bytes32) {
        return Messages.digest(block.chainid, address(_registry), message);
    }

    function _otherKey(uint256 key) internal pure returns (uint256) {
        return key % 1000 == _OWNER - 1 ? _CONTROLLER : 1 + key % 1000;
    }

    function _time() internal view returns (uint64) {
        return uint64(block.timestamp);
    }
}
