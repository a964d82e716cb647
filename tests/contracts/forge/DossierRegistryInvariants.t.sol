// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {Holders} from "./Holders.sol";
import {vm} from "./Vm.sol";

contract DossierRegistryInvariants {
    Holders private _holders;

    function setUp() external {
        _holders = new Holders();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_holders);
    }

    /// @notice A dossier stands where its own keys have brought it: each nonce, epoch and card number counts calls that
    /// had to be taken, so none of them ever falls or skips; an attestation keeps its first time.
    function invariant_a_dossier_is_what_its_own_signatures_made_of_it() external view {
        for (uint256 i = 0; i < _holders.count(); ++i) {
            bytes32 id = _holders.ids(i);
            _compare(_holders.registry().getDossier(id), _holders.ghost(id));
            for (uint256 digest = 0; digest < 8; ++digest) {
                uint64 time = _holders.registry().attestedAt(id, bytes32(digest));
                assert(time == _holders.attestedAt(id, bytes32(digest)));
            }
        }
    }

    function _compare(IDossierRegistry.Dossier memory d, Holders.Ghost memory g) private pure {
        assert(d.owner == vm.addr(g.owner) && d.controller == vm.addr(g.controller));
        assert(d.nonce == g.rotations + g.bumps && d.grantEpoch == 1 + g.bumps);
        assert(d.cardHash == g.cardHash && d.cardSeq == g.cards);
        assert(d.cardValidFrom == g.validFrom && d.revokedBelow == g.revokedBelow);
        assert(d.revokedBelow <= d.cardSeq);
    }
}
