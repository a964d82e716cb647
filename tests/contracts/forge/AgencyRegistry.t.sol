// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {AgencyRegistry} from "../../../contracts/src/AgencyRegistry.sol";
import {IAgencyRegistry} from "../../../contracts/src/interfaces/IAgencyRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

contract AgencyRegistryTest {
    uint256 private constant _KEY = 41;
    address private _agency = vm.addr(_KEY);
    AgencyRegistry private _registry = new AgencyRegistry(address(this));
    uint64 private _start = uint64(block.timestamp);

    constructor() {
        _registry.admit(_agency, "name", "kind");
        IKeyCards.KeyCard memory card =
            IKeyCards.KeyCard(bytes32(uint256(uint160(_agency))), 1, "present", "sealing", _start, 0, 0);
        bytes32 digest = Messages.digest(block.chainid, address(_registry), Messages.hash(card));
        _registry.publishCard(card, Messages.sign(_KEY, digest));
    }

    function testFuzz_only_the_governor_governs(address other, uint8 role, string calldata text, uint64 time) external {
        vm.assume(other != address(this));
        bytes[8] memory calls = [
            abi.encodeCall(_registry.admit, (other, text, text)),
            abi.encodeCall(_registry.setRole, (_agency, role)),
            abi.encodeCall(_registry.endRole, (_agency, role)),
            abi.encodeCall(_registry.allowIssue, (_agency, text)),
            abi.encodeCall(_registry.endIssue, (_agency, keccak256(bytes(text)))),
            abi.encodeCall(_registry.setCompromisedByGovernor, (_agency, 1, time)),
            abi.encodeCall(_registry.transferOwnership, (other)),
            abi.encodeCall(_registry.renounceOwnership, ())
        ];
        bytes memory refused = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, other);
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(other);
            (bool done, bytes memory reason) = address(_registry).call(calls[i]);
            assert(!done && keccak256(reason) == keccak256(refused));
        }
    }

    function test_the_office_is_never_left_empty() external {
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.GovernorRequired.selector));
        _registry.renounceOwnership();
        assert(_registry.owner() == address(this));
    }

    function testFuzz_an_agency_is_admitted_once(address agency, uint16 name, uint8 kind) external {
        vm.assume(agency != address(0) && agency != _agency);
        string memory text = string(new bytes(name % 300));
        string memory division = string(new bytes(kind % 50));
        bool good = bytes(text).length != 0 && bytes(text).length < 201;
        bytes memory reason = abi.encodeWithSelector(IAgencyRegistry.TextInvalid.selector, 200, bytes(text).length);
        if (good) {
            good = bytes(division).length != 0 && bytes(division).length < 33;
            reason = abi.encodeWithSelector(IAgencyRegistry.TextInvalid.selector, 32, bytes(division).length);
        }
        if (!good) vm.expectRevert(reason);
        _registry.admit(agency, text, division);
        assert(_registry.isAdmitted(agency) == good);
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.AgencyExists.selector, _agency));
        _registry.admit(_agency, text, division);
    }

    function test_the_account_zero_is_no_agency() external {
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.AccountMissing.selector));
        _registry.admit(address(0), "name", "kind");
    }

    function testFuzz_who_was_never_admitted_gets_nothing(address other, string calldata text) external {
        vm.assume(other != _agency);
        bytes memory unknown = abi.encodeWithSelector(IAgencyRegistry.AgencyUnknown.selector, other);
        vm.expectRevert(unknown);
        _registry.setRole(other, 1);
        vm.expectRevert(unknown);
        _registry.allowIssue(other, text);
        vm.expectRevert(unknown);
        _registry.getAgency(other);
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.CardUnknown.selector, other, 0));
        _registry.currentCard(other);
        assert(_registry.getAgency(_agency).cardSeq == 1);
    }

    function testFuzz_a_role_is_1_2_or_4(uint8 role) external {
        bool good = role == 1 || role == 2 || role == 4;
        if (!good) vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.RoleUnknown.selector, role));
        _registry.setRole(_agency, role);
        assert(_registry.hasRoleAt(_agency, role, uint64(block.timestamp)) == good);
    }

    function testFuzz_a_right_holds_from_its_start_to_its_end(uint32 first, uint32 length, uint64 time) external {
        (uint64 from, uint64 until) = (_start + first, _start + first + length);
        time = from - 100 + time % (uint64(length) + 200);
        vm.warp(from);
        _registry.setRole(_agency, 1);
        _registry.allowIssue(_agency, "diploma");
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.RoleAlreadyHeld.selector, _agency, 1));
        _registry.setRole(_agency, 1);
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.IssueAlreadyAllowed.selector, _agency, _diploma()));
        _registry.allowIssue(_agency, "diploma");
        assert(_registry.mayIssue(_agency, _diploma(), time) == (time >= from));
        assert(_registry.hasRoleAt(_agency, 1, from) && !_registry.mayIssue(_agency, "other", from));
        vm.warp(until);
        _registry.endRole(_agency, 1);
        bool held = time >= from && time < until;
        assert(_registry.hasRoleAt(_agency, 1, time) == held && _registry.mayIssue(_agency, _diploma(), time) == held);
        _registry.endIssue(_agency, _diploma());
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.RoleNotHeld.selector, _agency, 1));
        _registry.endRole(_agency, 1);
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.IssueNotAllowed.selector, _agency, _diploma()));
        _registry.endIssue(_agency, _diploma());
        IAgencyRegistry.Period[] memory roles = _registry.rolePeriods(_agency, 1);
        IAgencyRegistry.Period[] memory types = _registry.issuePeriods(_agency, _diploma());
        assert(roles.length == 1 && roles[0].from == from && roles[0].until == until);
        assert(types.length == 1 && types[0].from == from && types[0].until == until);
    }

    function testFuzz_a_licence_type_has_1_to_64_bytes(uint8 length) external {
        string memory text = string(new bytes(length));
        bool good = length != 0 && length < 65;
        if (!good) vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.TextInvalid.selector, 64, length));
        _registry.allowIssue(_agency, text);
        assert(_registry.issuePeriods(_agency, keccak256(bytes(text))).length == (good ? 1 : 0));
    }

    function testFuzz_a_compromise_date_is_past_and_moves_only_earlier(uint64 since, uint64 later, uint32 time)
        external
    {
        uint64 now_ = _start + time;
        vm.warp(now_);
        bool good = since != 0 && since <= now_;
        if (!good) _expectInvalid(1, now_, since);
        vm.prank(_agency);
        _registry.setCompromised(1, since);
        if (!good) return;
        assert(_registry.cardBySeq(_agency, 1).compromisedSince == since);
        later = since + later % (now_ - since + 1);
        vm.prank(_agency);
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.CompromiseNotEarlier.selector, since, later));
        _registry.setCompromised(1, later);
        if (since == 1) return;
        vm.prank(_agency);
        _registry.setCompromised(1, since - 1);
    }

    function testFuzz_the_governor_reaches_ninety_days_back(uint32 ago, uint32 time) external {
        uint64 now_ = _start + time;
        vm.warp(now_);
        ago %= 200 days;
        if (ago > 90 days) _expectInvalid(now_ - 90 days, now_, now_ - ago);
        _registry.setCompromisedByGovernor(_agency, 1, now_ - ago);
        assert(_registry.cardBySeq(_agency, 1).compromisedSince == (ago > 90 days ? 0 : now_ - ago));
        _expectInvalid(now_ - 90 days, now_, now_ + 1 + ago);
        _registry.setCompromisedByGovernor(_agency, 1, now_ + 1 + ago);
    }

    function testFuzz_only_a_card_that_is_there_is_compromised(address other, uint64 seq) external {
        vm.assume(other != _agency);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.CardUnknown.selector, other, 1));
        _registry.setCompromised(1, _start);
        if (seq == 1) seq = 0;
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.CardUnknown.selector, _agency, seq));
        _registry.setCompromisedByGovernor(_agency, seq, _start);
    }

    function _expectInvalid(uint64 earliest, uint64 latest, uint64 since) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAgencyRegistry.CompromiseTimeInvalid.selector, earliest, latest, since)
        );
    }

    function _diploma() private pure returns (bytes32) {
        return keccak256("diploma");
    }
}
