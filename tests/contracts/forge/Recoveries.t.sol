// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IGuardians} from "../../../contracts/src/interfaces/IGuardians.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {GuardianFixture} from "./GuardianFixture.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

contract RecoveriesTest is GuardianFixture {
    function testFuzz_as_many_guardians_as_are_needed_carry_a_recovery(uint8 who, bool byAll, uint32 early) external {
        _name(_setting(0));
        IGuardians.RecoverDossier memory m = _recovery(byAll, 0);
        bytes[] memory signed = _signatures(m, who);
        (uint256 count, uint256 needed) = ((who & 1) + (who >> 1 & 1) + (who >> 2 & 1), byAll ? 3 : _THRESHOLD);
        if (count < needed) {
            vm.expectRevert(abi.encodeWithSelector(IGuardians.GuardianQuorumMissing.selector, needed, count));
            _registry.proposeRecovery(m, "salt", _accounts(), signed);
            return;
        }
        uint32 delay = byAll ? 30 days : _DELAY;
        _registry.proposeRecovery(m, "salt", _accounts(), signed);
        uint64 readyAt = _time() + delay;
        vm.warp(block.timestamp + early % delay);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.NotReady.selector, readyAt, _time()));
        _registry.executeRecovery(_id);
        _freeze(_keys[0], 0);
        vm.warp(readyAt);
        _registry.executeRecovery(_id);
        IDossierRegistry.Dossier memory d = _registry.getDossier(_id);
        assert(d.owner == vm.addr(31) && d.controller == vm.addr(32) && d.frozenUntil == 0 && d.grantEpoch == 1);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryMissing.selector, _id));
        _registry.executeRecovery(_id);
    }

    function testFuzz_foreign_or_few_signatures_carry_nothing(uint256 thief, uint8 count, uint64 nonce) external {
        (thief, count) = (1000 + thief % 1000, count == 3 ? 2 : count % 16);
        vm.assume(nonce != 0 && count != 3);
        _name(_setting(0));
        IGuardians.RecoverDossier memory m = _recovery(false, 0);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.GuardianQuorumMissing.selector, 3, count));
        _registry.proposeRecovery(m, "salt", _accounts(), new bytes[](count));
        bytes[] memory signed = _signatures(m, 1);
        signed[1] = _sign(thief, Messages.hash(m));
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(Messages.hash(m))));
        _registry.proposeRecovery(m, "salt", _accounts(), signed);
        m.nonce = nonce;
        vm.expectRevert(abi.encodeWithSelector(IDossierRegistry.NonceInvalid.selector, _id, 0, nonce));
        _registry.proposeRecovery(m, "salt", _accounts(), signed);
    }

    function testFuzz_only_a_recovery_by_all_takes_the_place_of_one(uint32 later, bool byAll) external {
        _name(_setting(0));
        _propose(false, 0);
        vm.warp(block.timestamp + later);
        (,, IGuardians.PendingRecovery memory p) = _registry.getGuardianship(_id);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryIsPending.selector, _id, p.readyAt));
        this.propose(false, 1);
        _propose(true, 1);
        (,, p) = _registry.getGuardianship(_id);
        assert(p.kind == IGuardians.Kind.ByAll && p.readyAt == _time() + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryIsPending.selector, _id, p.readyAt));
        this.propose(byAll, 2);
    }

    function propose(bool byAll, uint64 nonce) external {
        _propose(byAll, nonce);
    }

    function testFuzz_a_veto_meets_the_recovery_that_it_names(uint64 other, uint32 later) external {
        vm.assume(other != 0);
        _name(_setting(0));
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryMissing.selector, _id));
        this.veto(0, 1);
        _propose(false, 0);
        vm.warp(block.timestamp + later);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryMissing.selector, _id));
        this.veto(other, 1);
        _veto(_OWNER, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryMissing.selector, _id));
        _registry.executeRecovery(_id);
    }

    function veto(uint64 recovery, uint64 nonce) external {
        _veto(_OWNER, recovery, nonce);
    }

    function testFuzz_nobody_stops_a_recovery_by_all(uint32 later) external {
        _name(_setting(0));
        _name(IGuardians.SetGuardians(_id, "thieves", 1, 1, 1, type(uint64).max));
        _propose(true, 0);
        uint64 readyAt = _time() + 30 days;
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryNotVetoable.selector, _id));
        this.veto(0, 2);
        vm.warp(block.timestamp + _DELAY + later % 29 days);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.RecoveryIsPending.selector, _id, readyAt));
        _registry.applyGuardians(_id);
        vm.warp(readyAt);
        _registry.executeRecovery(_id);
        vm.expectRevert(abi.encodeWithSelector(IGuardians.ChangeMissing.selector, _id));
        _registry.applyGuardians(_id);
    }

    function testFuzz_accounts_deadlines_and_the_dossier_are_checked(uint32 late, bytes32 nowhere) external {
        vm.assume(nowhere != _id);
        _name(_setting(0));
        IGuardians.RecoverDossier memory m = _recovery(false, 0);
        m.newOwner = address(0);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.AccountMissing.selector));
        _registry.proposeRecovery(m, "salt", _accounts(), new bytes[](3));
        vm.expectRevert(abi.encodeWithSelector(IDossierRegistry.DossierUnknown.selector, nowhere));
        _registry.getGuardianship(nowhere);
        uint64 deadline = _time();
        vm.warp(uint256(deadline) + 1 + late);
        bytes memory reason = abi.encodeWithSelector(IKeyCards.DeadlinePassed.selector, deadline, _time());
        m.deadline = deadline;
        vm.expectRevert(reason);
        _registry.proposeRecovery(m, "salt", _accounts(), new bytes[](3));
        vm.expectRevert(reason);
        _registry.setGuardians(IGuardians.SetGuardians(_id, "", 0, 0, 0, deadline), "");
        vm.expectRevert(reason);
        _registry.freeze(IGuardians.FreezeDossier(_id, address(1), 0, deadline), "salt", _accounts(), "");
        vm.expectRevert(reason);
        _registry.vetoRecovery(IGuardians.VetoRecovery(_id, 0, 1, deadline), "");
    }
}
