// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AgencyRegistry} from "../../../contracts/src/AgencyRegistry.sol";
import {IAgencyRegistry} from "../../../contracts/src/interfaces/IAgencyRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

/// @dev A governor, a few agencies and strangers. Before each call it says whether the registry must take it, and
/// remembers what that makes of everybody's rights; what was a fact about the past is asked again later.
contract Offices {
    struct Fact {
        address agency;
        uint8 role;
        uint64 time;
        bool held;
        bool mayIssue;
    }

    uint256 private constant _PEOPLE = 5;
    AgencyRegistry public immutable registry = new AgencyRegistry(vm.addr(1));
    address public governor = vm.addr(1);
    address public offered;
    mapping(address agency => uint64) public admittedAt;
    mapping(address agency => mapping(bytes32 right => IAgencyRegistry.Period[])) private _periods;
    mapping(address agency => IAgencyRegistry.CardRecord[]) private _cards;
    Fact[] public facts;
    uint64 private _now = uint64(block.timestamp);

    constructor() {
        admit(0, 0);
        admit(1, 0);
        publish(0, 0, 11);
        setRight(1, 0, 0);
        setRight(1, 3, 0);
    }

    function pass(uint24 time) external {
        _now += time;
        vm.warp(_now);
    }

    function admit(uint8 who, uint8 caller) public {
        address agency = person(who);
        bool right = _person(caller) == governor && admittedAt[agency] == 0;
        if (_send(caller, abi.encodeCall(registry.admit, (agency, "name", "kind")), right)) admittedAt[agency] = _now;
    }

    /// @dev Rights 0 to 2 are the roles 1, 2 and 4; 3 and 4 are licence types.
    function setRight(uint8 who, uint8 what, uint8 caller) public {
        address agency = person(who);
        IAgencyRegistry.Period[] storage periods = _periods[agency][rightOf(what)];
        bool right = _person(caller) == governor && admittedAt[agency] != 0 && !_isOpen(periods);
        bytes memory call = what % 5 < 3
            ? abi.encodeCall(registry.setRole, (agency, roleOf(what)))
            : abi.encodeCall(registry.allowIssue, (agency, licenceOf(what)));
        if (_send(caller, call, right)) periods.push(IAgencyRegistry.Period(_now, 0));
    }

    function endRight(uint8 who, uint8 what, uint8 caller) external {
        address agency = person(who);
        IAgencyRegistry.Period[] storage periods = _periods[agency][rightOf(what)];
        bool right = _person(caller) == governor && _isOpen(periods);
        bytes memory call = what % 5 < 3
            ? abi.encodeCall(registry.endRole, (agency, roleOf(what)))
            : abi.encodeCall(registry.endIssue, (agency, rightOf(what)));
        if (_send(caller, call, right)) periods[periods.length - 1].until = _now;
    }

    function setRoleUnheardOf(uint8 who, uint8 role, uint8 caller) external {
        if (role == 1 || role == 2 || role == 4) return;
        _send(caller, abi.encodeCall(registry.setRole, (person(who), role)), false);
    }

    function publish(uint8 who, uint8 signer, uint8 slip) public {
        slip %= 12;
        address agency = person(who);
        IAgencyRegistry.CardRecord[] storage cards = _cards[agency];
        uint256 count = cards.length;
        IKeyCards.KeyCard memory card = IKeyCards.KeyCard(
            bytes32(uint256(uint160(agency))), uint64(count + 1), "present", "sealing", _now, uint64(count), 0
        );
        if (count != 0) card.previous = cards[count - 1].cardHash;
        if (slip == 0) ++card.seq;
        if (slip == 1) card.previous = bytes32(uint256(card.previous) + 1);
        if (slip == 2) card.subject |= bytes32(uint256(1) << 160);
        uint256 key = signer < 128 ? 1 + who % _PEOPLE : 1 + signer % _PEOPLE;
        bytes32 digest = Messages.digest(block.chainid, address(registry), Messages.hash(card));
        bytes memory signature = Messages.sign(key, slip == 3 ? Messages.hash(card) : digest);
        bool right = slip > 3 && admittedAt[agency] != 0 && key == 1 + who % _PEOPLE;
        if (!_send(signer, abi.encodeCall(registry.publishCard, (card, signature)), right)) return;
        cards.push(IAgencyRegistry.CardRecord(digest, card.seq, card.validFrom, card.revokedBelow, 0));
    }

    function report(uint8 caller, uint64 seq, uint64 ago) external {
        address agency = _person(caller);
        (seq, ago) = (seq % 4, ago % 200 days);
        _compromise(abi.encodeCall(registry.setCompromised, (seq, _now - ago)), agency, seq, ago, caller, true);
    }

    function reportByGovernor(uint8 who, uint64 seq, uint64 ago, uint8 caller) external {
        (seq, ago) = (seq % 4, ago % 200 days);
        bool may = _person(caller) == governor && ago <= 90 days;
        bytes memory call = abi.encodeCall(registry.setCompromisedByGovernor, (person(who), seq, _now - ago));
        _compromise(call, person(who), seq, ago, caller, may);
    }

    function handOver(uint8 to, uint8 caller) external {
        bool right = _person(caller) == governor;
        if (_send(caller, abi.encodeCall(registry.transferOwnership, (person(to))), right)) offered = person(to);
    }

    function takeOver(uint8 caller) external {
        bool right = _person(caller) == offered;
        if (_send(caller, abi.encodeCall(registry.acceptOwnership, ()), right)) (governor, offered) = (offered, address(0));
    }

    function renounce(uint8 caller) external {
        _send(caller, abi.encodeCall(registry.renounceOwnership, ()), false);
    }

    /// @notice Keep what the registry says of a time that is over.
    function ask(uint8 who, uint8 what, uint24 ago) external {
        Fact memory f = Fact(person(who), roleOf(what), _now - 1 - ago, false, false);
        f.held = registry.hasRoleAt(f.agency, f.role, f.time);
        f.mayIssue = registry.mayIssue(f.agency, rightOf(3), f.time);
        facts.push(f);
    }

    function asked() external view returns (uint256) {
        return facts.length;
    }

    function periodsOf(address agency, bytes32 right) external view returns (IAgencyRegistry.Period[] memory) {
        return _periods[agency][right];
    }

    function cardsOf(address agency) external view returns (IAgencyRegistry.CardRecord[] memory) {
        return _cards[agency];
    }

    function person(uint8 who) public pure returns (address) {
        return vm.addr(1 + who % _PEOPLE);
    }

    function roleOf(uint8 what) public pure returns (uint8) {
        return uint8(1 << (what % 3));
    }

    function licenceOf(uint8 what) public pure returns (string memory) {
        return what % 5 == 3 ? "driving-licence" : "diploma";
    }

    function rightOf(uint8 what) public pure returns (bytes32) {
        return what % 5 < 3 ? bytes32(uint256(roleOf(what))) : keccak256(bytes(licenceOf(what)));
    }

    function _compromise(bytes memory call, address agency, uint64 seq, uint64 ago, uint8 caller, bool may) private {
        IAgencyRegistry.CardRecord[] storage cards = _cards[agency];
        bool right = may && seq != 0 && seq <= cards.length;
        uint64 before = right ? cards[seq - 1].compromisedSince : 0;
        right = right && (before == 0 || _now - ago < before);
        if (_send(caller, call, right)) cards[seq - 1].compromisedSince = _now - ago;
    }

    /// @dev Callers below 128 are the governor.
    function _person(uint8 caller) private view returns (address) {
        return caller < 128 ? governor : person(caller);
    }

    function _send(uint8 caller, bytes memory call, bool right) private returns (bool done) {
        vm.prank(_person(caller));
        (done,) = address(registry).call(call);
        assert(done == right);
    }

    function _isOpen(IAgencyRegistry.Period[] storage periods) private view returns (bool) {
        return periods.length != 0 && periods[periods.length - 1].until == 0;
    }
}
