// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AgencyRegistry} from "../../../contracts/src/AgencyRegistry.sol";
import {IAgencyRegistry} from "../../../contracts/src/interfaces/IAgencyRegistry.sol";
import {Offices} from "./Offices.sol";

contract AgencyRegistryInvariants {
    Offices private _offices;
    AgencyRegistry private _registry;

    function setUp() external {
        _offices = new Offices();
        _registry = _offices.registry();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_offices);
    }

    /// @notice Rights, cards and the office are what calls that had to be taken made of them; what was true of a time
    /// that is over stays true.
    function invariant_rights_are_what_the_governor_gave_and_the_past_is_never_rewritten() external view {
        assert(_registry.owner() == _offices.governor() && _registry.pendingOwner() == _offices.offered());
        for (uint8 who = 0; who < 5; ++who) {
            address agency = _offices.person(who);
            _compareAgency(agency);
            for (uint8 what = 0; what < 5; ++what) _compareRight(agency, what);
            _compareCards(agency);
        }
        for (uint256 i = 0; i < _offices.asked(); ++i) _compareFact(i);
    }

    function _compareAgency(address agency) private view {
        uint64 admitted = _offices.admittedAt(agency);
        assert(_registry.isAdmitted(agency) == (admitted != 0));
        if (admitted == 0) return;
        IAgencyRegistry.Agency memory a = _registry.getAgency(agency);
        assert(a.admittedAt == admitted && a.cardSeq == _offices.cardsOf(agency).length);
    }

    function _compareRight(address agency, uint8 what) private view {
        bytes32 right = _offices.rightOf(what);
        IAgencyRegistry.Period[] memory got =
            what < 3 ? _registry.rolePeriods(agency, _offices.roleOf(what)) : _registry.issuePeriods(agency, right);
        assert(keccak256(abi.encode(got)) == keccak256(abi.encode(_offices.periodsOf(agency, right))));
        uint64 end;
        for (uint256 i = 0; i < got.length; ++i) {
            assert(got[i].from >= end && got[i].from >= _offices.admittedAt(agency));
            end = got[i].until;
            assert(end >= got[i].from || (end == 0 && i + 1 == got.length));
        }
    }

    function _compareCards(address agency) private view {
        IAgencyRegistry.CardRecord[] memory cards = _offices.cardsOf(agency);
        for (uint64 i = 0; i < cards.length; ++i) {
            bytes32 got = keccak256(abi.encode(_registry.cardBySeq(agency, i + 1)));
            assert(got == keccak256(abi.encode(cards[i])));
            assert(cards[i].compromisedSince <= block.timestamp);
        }
    }

    function _compareFact(uint256 i) private view {
        (address agency, uint8 role, uint64 time, bool held, bool mayIssue) = _offices.facts(i);
        assert(_registry.hasRoleAt(agency, role, time) == held);
        assert(_registry.mayIssue(agency, _offices.rightOf(3), time) == mayIssue);
    }
}
