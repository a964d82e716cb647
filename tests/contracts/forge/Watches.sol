// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuardians} from "../../../contracts/src/interfaces/IGuardians.sol";
import {GuardianFixture} from "./GuardianFixture.sol";
import {DossierRegistry} from "../../../contracts/src/DossierRegistry.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

/// @dev Owners, thieves and guardians of one dossier. Before each call it says whether the registry must take it, and
/// remembers what that makes of the dossier. The owner's key moves from 11 to 41, 42 … with each recovery.
contract Watches is GuardianFixture {
    struct Ghost {
        uint256 owner;
        uint64 nonce;
        uint64 recoveries;
        uint64 freezes;
        uint64 freezableFrom;
        uint64 frozenUntil;
        bool set;
        uint64 changeAt;
        bool changeIsNone;
        uint64 pendingAt;
        bool byAll;
        uint256 newOwner;
    }

    Ghost private _g = Ghost(_OWNER, 0, 0, 0, 0, 0, false, 0, false, 0, false, 0);
    uint256 private _now = block.timestamp;
    uint256 private _next = 41;

    function ghost() external view returns (Ghost memory) {
        return _g;
    }

    function registry() external view returns (DossierRegistry) {
        return _registry;
    }

    function id() external view returns (bytes32) {
        return _id;
    }

    function setHash() external view returns (bytes32) {
        return _setHash();
    }

    function pass(uint32 time, bool long) external {
        _now += long ? time % 40 days : time % 2 hours;
        vm.warp(_now);
    }

    function name(bool none, uint8 signer, uint8 slip) external {
        IGuardians.SetGuardians memory m = _setting(slip % 8 == 0 ? _g.nonce + 1 : _g.nonce);
        if (none) (m.setHash, m.threshold, m.delay) = (0, 0, 0);
        uint256 key = _signer(signer);
        bool right = slip % 8 != 0 && key == _g.owner;
        if (!_send(abi.encodeCall(_registry.setGuardians, (m, _sign(key, Messages.hash(m)))), right)) return;
        ++_g.nonce;
        if (_g.set) (_g.changeAt, _g.changeIsNone) = (uint64(_now) + _DELAY, none);
        else _g.set = !none;
    }

    function applyGuardians() external {
        bool right = _g.changeAt != 0 && _now >= _g.changeAt && !(_g.pendingAt != 0 && _g.byAll);
        if (!_send(abi.encodeCall(_registry.applyGuardians, (_id)), right)) return;
        (_g.set, _g.changeAt) = (!_g.changeIsNone, 0);
    }

    function freeze(uint8 which, uint8 slip) external {
        uint256 key = slip % 8 == 0 ? 99 : _keys[which % 3];
        uint64 nonce = slip % 8 == 1 ? _g.freezes + 1 : _g.freezes;
        IGuardians.FreezeDossier memory m = IGuardians.FreezeDossier(_id, vm.addr(key), nonce, uint64(_now));
        bool right = _g.set && slip % 8 > 1 && _now >= _g.freezableFrom;
        bytes memory signature = _sign(key, Messages.hash(m));
        if (!_send(abi.encodeCall(_registry.freeze, (m, "salt", _accounts(), signature)), right)) return;
        ++_g.freezes;
        (_g.frozenUntil, _g.freezableFrom) = (uint64(_now) + 7 days, uint64(_now) + 30 days);
    }

    function propose(uint8 who, bool byAll, uint8 slip) external {
        IGuardians.RecoverDossier memory m = _recovery(byAll, slip % 8 == 0 ? _g.recoveries + 1 : _g.recoveries);
        m.newOwner = vm.addr(_next);
        bytes[] memory signed = _signatures(m, who);
        if (slip % 8 == 1) m.newController = vm.addr(33);
        uint256 count = (who & 1) + (who >> 1 & 1) + (who >> 2 & 1);
        bool free = _g.pendingAt == 0 || (byAll && !_g.byAll);
        bool right = _g.set && free && slip % 8 > 1 && count >= (byAll ? 3 : _THRESHOLD);
        if (!_send(abi.encodeCall(_registry.proposeRecovery, (m, "salt", _accounts(), signed)), right)) return;
        ++_g.recoveries;
        (_g.pendingAt, _g.byAll) = (uint64(_now) + (byAll ? 30 days : _DELAY), byAll);
        (_g.newOwner, _next) = (_next, _next + 1);
    }

    function veto(uint8 signer, uint8 slip) external {
        uint64 recovery = slip % 8 == 0 ? _g.recoveries : _g.recoveries == 0 ? 0 : _g.recoveries - 1;
        IGuardians.VetoRecovery memory m = IGuardians.VetoRecovery(_id, recovery, _g.nonce, uint64(_now));
        uint256 key = _signer(signer);
        bool right = _g.pendingAt != 0 && !_g.byAll && slip % 8 != 0 && key == _g.owner;
        if (!_send(abi.encodeCall(_registry.vetoRecovery, (m, _sign(key, Messages.hash(m)))), right)) return;
        ++_g.nonce;
        _g.pendingAt = 0;
    }

    function execute() external {
        bool right = _g.pendingAt != 0 && _now >= _g.pendingAt;
        if (!_send(abi.encodeCall(_registry.executeRecovery, (_id)), right)) return;
        (_g.owner, _g.pendingAt, _g.changeAt, _g.frozenUntil) = (_g.newOwner, 0, 0, 0);
    }

    function _send(bytes memory call, bool right) private returns (bool done) {
        (done,) = address(_registry).call(call);
        assert(done == right);
    }

    /// @dev Half of the time the owner, else the controller or a guardian.
    function _signer(uint8 who) private view returns (uint256) {
        return who < 128 ? _g.owner : who < 192 ? _CONTROLLER : _keys[who % 3];
    }
}
