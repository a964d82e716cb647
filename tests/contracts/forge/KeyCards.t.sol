// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AgencyRegistry} from "../../../contracts/src/AgencyRegistry.sol";
import {IAgencyRegistry} from "../../../contracts/src/interfaces/IAgencyRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

/// @dev Which card may follow which: the second card of an agency, whose first one revokes below 1 at time `_start`.
contract KeyCardsTest {
    uint256 private constant _AGENCY = 31;
    AgencyRegistry private _registry = new AgencyRegistry(address(this));
    uint64 private _start = uint64(block.timestamp);
    bytes32 private _previous;

    constructor() {
        _registry.admit(vm.addr(_AGENCY), "name", "kind");
        IKeyCards.KeyCard memory card = IKeyCards.KeyCard(_subject(), 1, "present", "sealing", _start, 1, 0);
        _registry.publishCard(card, _sign(_AGENCY, card));
        _previous = _registry.hashKeyCard(card);
    }

    function testFuzz_the_next_card_has_the_next_number(uint64 seq) external {
        vm.assume(seq != 2);
        IKeyCards.KeyCard memory card = _second();
        card.seq = seq;
        _refused(card, abi.encodeWithSelector(IKeyCards.CardSequenceInvalid.selector, 2, seq));
    }

    function testFuzz_the_next_card_names_the_current_one(bytes32 previous) external {
        vm.assume(previous != _previous);
        IKeyCards.KeyCard memory card = _second();
        card.previous = previous;
        _refused(card, abi.encodeWithSelector(IKeyCards.CardPreviousInvalid.selector, _previous, previous));
    }

    function testFuzz_a_card_has_both_keys(bytes32 key, bool which) external {
        IKeyCards.KeyCard memory card = _second();
        (card.presentKeyThumbprint, card.sealingKeyHash) = which ? (key, bytes32(0)) : (bytes32(0), key);
        _refused(card, abi.encodeWithSelector(IKeyCards.CardKeyMissing.selector));
    }

    function testFuzz_revoked_below_rises_up_to_the_card_itself(uint64 revokedBelow) external {
        IKeyCards.KeyCard memory card = _second();
        card.revokedBelow = revokedBelow;
        if (revokedBelow == 1 || revokedBelow == 2) _registry.publishCard(card, _sign(_AGENCY, card));
        else _refused(card, abi.encodeWithSelector(IKeyCards.CardRevokedBelowInvalid.selector, 1, 2, revokedBelow));
    }

    function test_revoked_below_at_its_limits() external {
        this.testFuzz_revoked_below_rises_up_to_the_card_itself(0);
        this.testFuzz_revoked_below_rises_up_to_the_card_itself(3);
        this.testFuzz_revoked_below_rises_up_to_the_card_itself(2);
    }

    function testFuzz_a_card_starts_between_a_day_ago_and_in_an_hour(uint64 validFrom, uint32 later) external {
        uint64 time = _start + later;
        vm.warp(time);
        uint64 earliest = later > 1 days ? time - 1 days : _start;
        validFrom = time - 2 days + validFrom % 4 days;
        IKeyCards.KeyCard memory card = _second();
        card.validFrom = validFrom;
        bytes memory refusal =
            abi.encodeWithSelector(IKeyCards.CardValidFromInvalid.selector, earliest, time + 1 hours, validFrom);
        if (validFrom < earliest || validFrom > time + 1 hours) _refused(card, refusal);
        else _registry.publishCard(card, _sign(_AGENCY, card));
    }

    function test_a_card_starts_at_the_limits() external {
        IKeyCards.KeyCard memory card = _second();
        card.validFrom = _start + 1 hours;
        _registry.publishCard(card, _sign(_AGENCY, card));
        vm.warp(_start + 2 days);
        (card.seq, card.previous, card.validFrom) = (3, _registry.hashKeyCard(card), _start + 1 days - 1);
        _refused(
            card,
            abi.encodeWithSelector(
                IKeyCards.CardValidFromInvalid.selector, _start + 1 days, _start + 49 hours, _start + 1 days - 1
            )
        );
        card.validFrom = _start + 1 days;
        _registry.publishCard(card, _sign(_AGENCY, card));
    }

    function testFuzz_a_subject_is_an_account_and_nothing_more(uint96 more) external {
        vm.assume(more != 0);
        IKeyCards.KeyCard memory card = _second();
        card.subject |= bytes32(uint256(more) << 160);
        _refused(card, abi.encodeWithSelector(IAgencyRegistry.CardSubjectInvalid.selector, card.subject));
    }

    function testFuzz_nobody_else_signs_an_agencys_card(uint256 thief) external {
        thief = 1 + thief % 1_000_000;
        vm.assume(thief != _AGENCY);
        IKeyCards.KeyCard memory card = _second();
        bytes memory forged = _sign(thief, card);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _registry.hashKeyCard(card)));
        _registry.publishCard(card, forged);
    }

    function testFuzz_a_card_is_found_by_its_number(uint64 seq) external {
        IKeyCards.KeyCard memory card = _second();
        _registry.publishCard(card, _sign(_AGENCY, card));
        address agency = vm.addr(_AGENCY);
        assert(_registry.currentCard(agency).seq == 2);
        assert(_registry.cardBySeq(agency, 1).seq == 1 && _registry.cardBySeq(agency, 2).seq == 2);
        if (seq == 1 || seq == 2) seq = 0;
        _expectUnknown(seq);
        _registry.cardBySeq(agency, seq);
    }

    function testFuzz_a_time_has_the_card_that_had_started(uint64 gap, uint64 time) external {
        gap = 1 + gap % 3600;
        IKeyCards.KeyCard memory card = _second();
        card.validFrom = _start + gap;
        _registry.publishCard(card, _sign(_AGENCY, card));
        time = _start - 100 + time % (gap + 200);
        if (time < _start) _expectUnknown(0);
        assert(_registry.cardAt(vm.addr(_AGENCY), time).seq == (time < card.validFrom ? time < _start ? 0 : 1 : 2));
    }

    function _expectUnknown(uint64 seq) private {
        vm.expectRevert(abi.encodeWithSelector(IAgencyRegistry.CardUnknown.selector, vm.addr(_AGENCY), seq));
    }

    function _second() private view returns (IKeyCards.KeyCard memory) {
        return IKeyCards.KeyCard(_subject(), 2, "present", "sealing", uint64(block.timestamp), 1, _previous);
    }

    function _refused(IKeyCards.KeyCard memory card, bytes memory reason) private {
        bytes memory signature = _sign(_AGENCY, card);
        vm.expectRevert(reason);
        _registry.publishCard(card, signature);
    }

    function _subject() private pure returns (bytes32) {
        return bytes32(uint256(uint160(vm.addr(_AGENCY))));
    }

    function _sign(uint256 key, IKeyCards.KeyCard memory card) private view returns (bytes memory) {
        return Messages.sign(key, Messages.digest(block.chainid, address(_registry), Messages.hash(card)));
    }
}
