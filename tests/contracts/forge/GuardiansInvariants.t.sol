// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IGuardians} from "../../../contracts/src/interfaces/IGuardians.sol";
import {Watches} from "./Watches.sol";
import {vm} from "./Vm.sol";

contract GuardiansInvariants {
    Watches private _watches;

    function setUp() external {
        _watches = new Watches();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_watches);
    }

    /// @notice Owner, guardians, freeze and what waits are what signed messages and delays made of them.
    function invariant_a_dossier_is_what_its_owner_and_guardians_made_of_it() external view {
        Watches.Ghost memory want = _watches.ghost();
        IDossierRegistry.Dossier memory d = _watches.registry().getDossier(_watches.id());
        (
            IGuardians.Guardianship memory g,
            IGuardians.GuardianChange memory c,
            IGuardians.PendingRecovery memory p
        ) = _watches.registry().getGuardianship(_watches.id());
        assert(d.owner == vm.addr(want.owner) && d.nonce == want.nonce && d.frozenUntil == want.frozenUntil);
        assert(g.setHash == (want.set ? _watches.setHash() : bytes32(0)));
        assert(g.recoveries == want.recoveries && g.freezes == want.freezes && g.freezableFrom == want.freezableFrom);
        assert(c.readyAt == want.changeAt && p.readyAt == want.pendingAt);
        assert((p.kind == IGuardians.Kind.None) == (want.pendingAt == 0));
        if (want.pendingAt != 0) assert(p.newOwner == vm.addr(want.newOwner));
    }
}
