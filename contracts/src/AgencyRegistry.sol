// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IAgencyRegistry} from "./interfaces/IAgencyRegistry.sol";
import {KeyCards} from "./lib/KeyCards.sol";
import {Periods} from "./lib/Periods.sol";
import {SignedMessages} from "./lib/SignedMessages.sol";

/// @title Who is an agency, what it may do, and since when its keys hold (see IAgencyRegistry)
/// @dev The governor is OpenZeppelin's `owner()`. It cannot publish a card for an agency, nor undo a past right.
contract AgencyRegistry is Ownable2Step, SignedMessages, IAgencyRegistry {
    using Periods for Period[];

    uint8 private constant _ISSUER = 1;
    uint8 private constant _READER = 2;
    uint8 private constant _SCENARIO = 4;
    uint64 private constant _GOVERNOR_REACH = 90 days;
    uint256 private constant _MAX_NAME = 200;
    uint256 private constant _MAX_DIVISION = 32;
    uint256 private constant _MAX_LICENCE_TYPE = 64;

    mapping(address agency => Agency) private _agencies;
    mapping(address agency => CardRecord[]) private _cards;
    mapping(address agency => mapping(uint8 role => Period[])) private _roles;
    mapping(address agency => mapping(bytes32 licenceType => Period[])) private _issues;

    modifier onlyKnown(address agency) {
        _requireKnown(agency);
        _;
    }

    constructor(address governor) Ownable(governor) {}

    /// @inheritdoc IAgencyRegistry
    function admit(address agency, string calldata name, string calldata division) external onlyOwner {
        if (agency == address(0)) revert AccountMissing();
        if (isAdmitted(agency)) revert AgencyExists(agency);
        _requireText(name, _MAX_NAME);
        _requireText(division, _MAX_DIVISION);

        _agencies[agency] = Agency(uint64(block.timestamp), 0, name, division);
        emit AgencyAdmitted(agency, name, division);
    }

    /// @inheritdoc IAgencyRegistry
    function setRole(address agency, uint8 role) external onlyOwner onlyKnown(agency) {
        if (role != _ISSUER && role != _READER && role != _SCENARIO) revert RoleUnknown(role);
        Period[] storage periods = _roles[agency][role];
        if (periods.isOpen()) revert RoleAlreadyHeld(agency, role);

        emit RoleSet(agency, role, periods.start());
    }

    /// @inheritdoc IAgencyRegistry
    function endRole(address agency, uint8 role) external onlyOwner {
        Period[] storage periods = _roles[agency][role];
        if (!periods.isOpen()) revert RoleNotHeld(agency, role);

        emit RoleEnded(agency, role, periods.end());
    }

    /// @inheritdoc IAgencyRegistry
    function allowIssue(address agency, string calldata licenceType) external onlyOwner onlyKnown(agency) {
        _requireText(licenceType, _MAX_LICENCE_TYPE);
        bytes32 id = keccak256(bytes(licenceType));
        Period[] storage periods = _issues[agency][id];
        if (periods.isOpen()) revert IssueAlreadyAllowed(agency, id);

        emit IssueAllowed(agency, id, licenceType, periods.start());
    }

    /// @inheritdoc IAgencyRegistry
    function endIssue(address agency, bytes32 licenceType) external onlyOwner {
        Period[] storage periods = _issues[agency][licenceType];
        if (!periods.isOpen()) revert IssueNotAllowed(agency, licenceType);

        emit IssueEnded(agency, licenceType, periods.end());
    }

    /// @inheritdoc IAgencyRegistry
    function publishCard(KeyCard calldata card, bytes calldata signature) external {
        address agency = address(uint160(uint256(card.subject)));
        if (uint256(card.subject) >> 160 != 0) revert CardSubjectInvalid(card.subject);
        _requireKnown(agency);
        CardRecord[] storage cards = _cards[agency];
        KeyCards.requireNext(card, _newest(cards));
        bytes32 digest = hashKeyCard(card);
        _requireSignedBy(agency, digest, signature);

        cards.push(CardRecord(digest, card.seq, card.validFrom, card.revokedBelow, 0));
        _agencies[agency].cardSeq = card.seq;
        emit KeyCardPublished(card.subject, card.seq, digest, card);
    }

    /// @inheritdoc IAgencyRegistry
    function setCompromised(uint64 seq, uint64 since) external {
        _setCompromised(msg.sender, seq, since, 1);
    }

    /// @inheritdoc IAgencyRegistry
    function setCompromisedByGovernor(address agency, uint64 seq, uint64 since) external onlyOwner {
        _setCompromised(agency, seq, since, uint64(block.timestamp) - _GOVERNOR_REACH);
    }

    /// @notice Refused: a registry without a governor could neither admit nor suspend.
    function renounceOwnership() public view override onlyOwner {
        revert GovernorRequired();
    }

    /// @inheritdoc IAgencyRegistry
    function getAgency(address agency) external view onlyKnown(agency) returns (Agency memory) {
        return _agencies[agency];
    }

    /// @inheritdoc IAgencyRegistry
    function isAdmitted(address agency) public view returns (bool) {
        return _agencies[agency].admittedAt != 0;
    }

    /// @inheritdoc IAgencyRegistry
    function hasRoleAt(address agency, uint8 role, uint64 time) public view returns (bool) {
        return _roles[agency][role].holdsAt(time);
    }

    /// @inheritdoc IAgencyRegistry
    function mayIssue(address agency, bytes32 licenceType, uint64 time) external view returns (bool) {
        return hasRoleAt(agency, _ISSUER, time) && _issues[agency][licenceType].holdsAt(time);
    }

    /// @inheritdoc IAgencyRegistry
    function rolePeriods(address agency, uint8 role) external view returns (Period[] memory) {
        return _roles[agency][role];
    }

    /// @inheritdoc IAgencyRegistry
    function issuePeriods(address agency, bytes32 licenceType) external view returns (Period[] memory) {
        return _issues[agency][licenceType];
    }

    /// @inheritdoc IAgencyRegistry
    function currentCard(address agency) external view returns (CardRecord memory) {
        return cardAt(agency, type(uint64).max);
    }

    /// @inheritdoc IAgencyRegistry
    function cardAt(address agency, uint64 time) public view returns (CardRecord memory) {
        CardRecord[] storage cards = _cards[agency];
        for (uint256 i = cards.length; i != 0; --i) {
            if (cards[i - 1].validFrom <= time) return cards[i - 1];
        }
        revert CardUnknown(agency, 0);
    }

    /// @inheritdoc IAgencyRegistry
    function cardBySeq(address agency, uint64 seq) external view returns (CardRecord memory) {
        return _card(agency, seq);
    }

    function _setCompromised(address agency, uint64 seq, uint64 since, uint64 earliest) private {
        CardRecord storage card = _card(agency, seq);
        uint64 time = uint64(block.timestamp);
        if (since < earliest || since > time) revert CompromiseTimeInvalid(earliest, time, since);
        // A thief who holds the account must not be able to move the date behind what he signed.
        if (card.compromisedSince != 0 && since >= card.compromisedSince) {
            revert CompromiseNotEarlier(card.compromisedSince, since);
        }

        card.compromisedSince = since;
        emit CardCompromised(agency, seq, since, msg.sender);
    }

    function _card(address agency, uint64 seq) private view returns (CardRecord storage) {
        CardRecord[] storage cards = _cards[agency];
        if (seq == 0 || seq > cards.length) revert CardUnknown(agency, seq);
        return cards[seq - 1];
    }

    function _newest(CardRecord[] storage cards) private view returns (KeyCards.Current memory current) {
        uint256 count = cards.length;
        if (count == 0) return current;
        CardRecord storage card = cards[count - 1];
        return KeyCards.Current(card.cardHash, card.seq, card.validFrom, card.revokedBelow);
    }

    function _requireKnown(address agency) private view {
        if (!isAdmitted(agency)) revert AgencyUnknown(agency);
    }

    function _requireText(string calldata text, uint256 longest) private pure {
        uint256 length = bytes(text).length;
        if (length == 0 || length > longest) revert TextInvalid(longest, length);
    }
}
