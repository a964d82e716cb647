// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuardians} from "../../../contracts/src/interfaces/IGuardians.sol";
import {DossierFixture} from "./DossierFixture.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

/// @dev The fixture's dossier with three guardians, two of whom carry a recovery after an hour.
abstract contract GuardianFixture is DossierFixture {
    uint8 internal constant _THRESHOLD = 2;
    uint32 internal constant _DELAY = 1 hours;
    uint256[3] internal _keys = [uint256(21), 22, 23];

    constructor() {
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 j = i + 1; j < 3; ++j) {
                if (vm.addr(_keys[j]) < vm.addr(_keys[i])) (_keys[i], _keys[j]) = (_keys[j], _keys[i]);
            }
        }
    }

    function _accounts() internal view returns (address[] memory accounts) {
        accounts = new address[](3);
        for (uint256 i = 0; i < 3; ++i) accounts[i] = vm.addr(_keys[i]);
    }

    function _setHash() internal view returns (bytes32) {
        return keccak256(abi.encode(bytes32("salt"), _accounts()));
    }

    function _setting(uint64 nonce) internal view returns (IGuardians.SetGuardians memory) {
        return IGuardians.SetGuardians(_id, _setHash(), _THRESHOLD, _DELAY, nonce, type(uint64).max);
    }

    function _name(IGuardians.SetGuardians memory m) internal {
        _registry.setGuardians(m, _sign(_OWNER, Messages.hash(m)));
    }

    function _freeze(uint256 key, uint64 nonce) internal {
        IGuardians.FreezeDossier memory m = IGuardians.FreezeDossier(_id, vm.addr(key), nonce, type(uint64).max);
        _registry.freeze(m, "salt", _accounts(), _sign(key, Messages.hash(m)));
    }

    function _recovery(bool byAll, uint64 nonce) internal view returns (IGuardians.RecoverDossier memory) {
        return IGuardians.RecoverDossier(_id, vm.addr(31), vm.addr(32), byAll, nonce, type(uint64).max);
    }

    /// @dev Bit i of `who`: the guardian i signs.
    function _signatures(IGuardians.RecoverDossier memory m, uint8 who) internal view returns (bytes[] memory signed) {
        signed = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            if (who & (1 << i) != 0) signed[i] = _sign(_keys[i], Messages.hash(m));
        }
    }

    function _propose(bool byAll, uint64 nonce) internal {
        IGuardians.RecoverDossier memory m = _recovery(byAll, nonce);
        _registry.proposeRecovery(m, "salt", _accounts(), _signatures(m, byAll ? 7 : 5));
    }

    function _veto(uint256 key, uint64 recovery, uint64 nonce) internal {
        IGuardians.VetoRecovery memory m = IGuardians.VetoRecovery(_id, recovery, nonce, type(uint64).max);
        _registry.vetoRecovery(m, _sign(key, Messages.hash(m)));
    }
}
