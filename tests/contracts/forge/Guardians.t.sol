// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IGuardians} from "../../../contracts/src/interfaces/IGuardians.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {GuardianFixture} from "./GuardianFixture.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

contract GuardiansTest is GuardianFixture {
    function testFuzz_the_first_set_counts_at_once_and_the_next_waits(bytes32 next, uint32 early, uint32 delay) external {
        (early, delay) = (early % _DELAY, 1 + delay % 30 days);
        vm.assume(next != 0);
        _name(_setting(0));
        (IGuardians.Guardianship memory g, IGuardians.GuardianChange memory c,) = _registry.getGuardianship(_id);
        assert(g.setHash == _setHash() && g.threshold == _THRESHOLD && g.delay == _DELAY && c.readyAt == 0);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.ChangeMissing.selector, _id));
        _registry.applyGuardians(_id);

        uint64 readyAt = _time() + _DELAY;
        _name(IGuardians.SetGuardians(_id, next, 1, delay, 1, type(uint64).max));
        vm.warp(block.timestamp + early);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.NotReady.selector, readyAt, _time()));
        _registry.applyGuardians(_id);
        vm.warp(readyAt);
        _registry.applyGuardians(_id);
        (g, c,) = _registry.getGuardianship(_id);
        assert(g.setHash == next && g.threshold == 1 && g.delay == delay && c.readyAt == 0);
    }

    function testFuzz_terms_are_all_or_nothing(bytes32 hash, uint8 threshold, uint32 delay) external {
        if (hash[0] < 0x40) hash = 0;
        bool right = hash == 0 ? threshold == 0 && delay == 0 : threshold > 0 && delay > 0 && delay <= 30 days;
        IGuardians.SetGuardians memory m =
            IGuardians.SetGuardians(_id, hash, threshold, delay, 0, type(uint64).max);
        bytes memory signature = _sign(_OWNER, Messages.hash(m));
        if (!right) vm.expectRevert(abi.encodeWithSelector(IGuardians.GuardianTermsInvalid.selector, threshold, delay));
        _registry.setGuardians(m, signature);
    }

    function testFuzz_only_the_owner_names_and_vetoes(uint256 thief) external {
        thief = _otherKey(thief);
        IGuardians.SetGuardians memory m = _setting(0);
        bytes memory signature = _sign(thief, Messages.hash(m));
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(Messages.hash(m))));
        _registry.setGuardians(m, signature);
        _name(m);
        _propose(false, 0);
        IGuardians.VetoRecovery memory end = IGuardians.VetoRecovery(_id, 0, 1, type(uint64).max);
        signature = _sign(thief, Messages.hash(end));
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(Messages.hash(end))));
        _registry.vetoRecovery(end, signature);
    }

    function testFuzz_a_freeze_binds_the_controller_alone(uint32 later, uint8 which, bytes32 digest) external {
        _name(_setting(0));
        _freeze(_keys[which % 3], 0);
        uint64 until = _time() + 7 days;
        assert(_registry.getDossier(_id).frozenUntil == until);
        vm.warp(block.timestamp + later % 7 days);
        IDossierRegistry.BumpEpoch memory m = IDossierRegistry.BumpEpoch(_id, 1, type(uint64).max);
        bytes memory signature = _sign(_CONTROLLER, Messages.hash(m));
        vm.expectRevert(abi.encodeWithSelector(IGuardians.DossierIsFrozen.selector, _id, until));
        _registry.bumpEpoch(m, signature);
        signature = Messages.sign(_CONTROLLER, digest);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.DossierIsFrozen.selector, _id, until));
        _registry.attest(_id, digest, signature);
        _registry.bumpEpoch(m, _sign(_OWNER, Messages.hash(m)));
        vm.warp(until);
        m.nonce = 2;
        _registry.bumpEpoch(m, _sign(_CONTROLLER, Messages.hash(m)));
        _registry.attest(_id, digest, Messages.sign(_CONTROLLER, digest));
    }

    function testFuzz_a_dossier_is_frozen_once_in_thirty_days(uint32 early, uint64 nonce, uint8 which) external {
        vm.assume(nonce != 1);
        _name(_setting(0));
        uint64 again = _time() + 30 days;
        _freeze(_keys[0], 0);
        vm.warp(block.timestamp + early % 30 days);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.FreezeTooSoon.selector, again, _time()));
        this.freeze(_keys[which % 3], 1);
        vm.warp(again);
        vm.expectRevert(abi.encodeWithSelector(IDossierRegistry.NonceInvalid.selector, _id, 1, nonce));
        this.freeze(_keys[which % 3], nonce);
        _freeze(_keys[which % 3], 1);
    }

    function freeze(uint256 key, uint64 nonce) external {
        _freeze(key, nonce);
    }

    function testFuzz_only_a_guardian_of_the_set_freezes(uint256 thief, bytes32 salt) external {
        thief = 1000 + thief % 1000;
        vm.assume(salt != "salt");
        _name(_setting(0));
        vm.expectRevert(abi.encodeWithSelector(IGuardians.GuardianUnknown.selector, vm.addr(thief)));
        this.freeze(thief, 0);
        IGuardians.FreezeDossier memory m = IGuardians.FreezeDossier(_id, vm.addr(_keys[0]), 0, type(uint64).max);
        bytes memory signature = _sign(_keys[0], Messages.hash(m));
        bytes32 got = keccak256(abi.encode(salt, _accounts()));
        vm.expectRevert(abi.encodeWithSelector(IGuardians.GuardianSetInvalid.selector, _setHash(), got));
        _registry.freeze(m, salt, _accounts(), signature);
        signature = _sign(thief, Messages.hash(m));
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(Messages.hash(m))));
        _registry.freeze(m, "salt", _accounts(), signature);
    }

    function testFuzz_a_set_ascends_strictly(bytes32 salt, address guardian) external {
        address[] memory accounts = new address[](2);
        (accounts[0], accounts[1]) = (guardian, guardian);
        IGuardians.SetGuardians memory named = _setting(0);
        named.setHash = keccak256(abi.encode(salt, accounts));
        _name(named);
        IGuardians.FreezeDossier memory m = IGuardians.FreezeDossier(_id, guardian, 0, type(uint64).max);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.GuardianOrderInvalid.selector, 1));
        _registry.freeze(m, salt, accounts, "");
    }
}
