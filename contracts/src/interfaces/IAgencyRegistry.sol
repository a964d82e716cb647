// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IKeyCards} from "./IKeyCards.sol";

/// @title Who is an agency, what it may do, and since when its keys hold
/// @notice The governor (`owner()`, changed in two steps) admits agencies and gives and ends roles; nothing that it
/// does reaches back in time, except a compromise date of at most 90 days ago. Key cards are EIP-712 messages signed
/// by the agency's account in the domain {name "OneFile", version "1", chainId, verifyingContract = this registry};
/// anyone may bring them. Times are block times in seconds. A right holds at `time` if `from <= time < until`, where an
/// `until` of 0 means that it has not ended.
interface IAgencyRegistry is IKeyCards {
    struct Agency {
        uint64 admittedAt;
        uint64 cardSeq;
        string name;
        string division;
    }

    /// @param compromisedSince what the card's keys signed from this second on is not trusted; 0 if never reported
    struct CardRecord {
        bytes32 cardHash;
        uint64 seq;
        uint64 validFrom;
        uint64 revokedBelow;
        uint64 compromisedSince;
    }

    struct Period {
        uint64 from;
        uint64 until;
    }

    event AgencyAdmitted(address indexed agency, string name, string division);
    event RoleSet(address indexed agency, uint8 indexed role, uint64 from);
    event RoleEnded(address indexed agency, uint8 indexed role, uint64 until);
    /// @notice `licenceType` is keccak256 of `name`, for example of "driving-licence".
    event IssueAllowed(address indexed agency, bytes32 indexed licenceType, string name, uint64 from);
    event IssueEnded(address indexed agency, bytes32 indexed licenceType, uint64 until);
    event CardCompromised(address indexed agency, uint64 indexed seq, uint64 since, address reporter);

    error AgencyExists(address agency);
    error AgencyUnknown(address agency);
    /// @notice A text is empty or longer than `longest` bytes.
    error TextInvalid(uint256 longest, uint256 got);
    error RoleUnknown(uint8 role);
    error RoleAlreadyHeld(address agency, uint8 role);
    error RoleNotHeld(address agency, uint8 role);
    error IssueAlreadyAllowed(address agency, bytes32 licenceType);
    error IssueNotAllowed(address agency, bytes32 licenceType);
    /// @notice The subject of a card has more than an address in it.
    error CardSubjectInvalid(bytes32 subject);
    error CardUnknown(address agency, uint64 seq);
    /// @notice The time is in the future, or before what the caller may report.
    error CompromiseTimeInvalid(uint64 earliest, uint64 latest, uint64 got);
    /// @notice A reported time moves only to an earlier one.
    error CompromiseNotEarlier(uint64 current, uint64 got);
    /// @notice The governor can hand the office over, not leave it empty.
    error GovernorRequired();

    /// @notice Governor: admit an agency, once. Only public facts of a public body go in here.
    /// @param name 1 to 200 bytes of UTF-8
    /// @param division kind of body, in the words of a scenario's grantee classes ("bank"), 1 to 32 bytes
    function admit(address agency, string calldata name, string calldata division) external;

    /// @notice Governor: give a role (1 issuer, 2 reader, 4 scenario authority) from now on.
    function setRole(address agency, uint8 role) external;

    /// @notice Governor: end a role from now on. Ending the issuer's role ends every licence type with it.
    function endRole(address agency, uint8 role) external;

    /// @notice Governor: let an issuer issue a licence type from now on.
    /// @param licenceType its name, 1 to 64 bytes, as in `vct` `urn:onefile:licence:<type>:<version>`
    function allowIssue(address agency, string calldata licenceType) external;

    /// @notice Governor: end a licence type from now on.
    /// @param licenceType keccak256 of its name
    function endIssue(address agency, bytes32 licenceType) external;

    /// @notice Record the agency's next key card. `card.subject` is `bytes32(uint256(uint160(agency)))`.
    /// @param signature by the agency's account
    function publishCard(KeyCard calldata card, bytes calldata signature) external;

    /// @notice Agency, by its own transaction: the keys of its card `seq` are not to be trusted from `since` on
    /// (1 … now).
    function setCompromised(uint64 seq, uint64 since) external;

    /// @notice Governor: the same for an agency that cannot; `since` at most 90 days ago.
    function setCompromisedByGovernor(address agency, uint64 seq, uint64 since) external;

    /// @notice Reverts with `AgencyUnknown`.
    function getAgency(address agency) external view returns (Agency memory);

    function isAdmitted(address agency) external view returns (bool);

    /// @notice Whether the agency held the role at `time`; for a later time than now: whether it will unless it ends.
    function hasRoleAt(address agency, uint8 role, uint64 time) external view returns (bool);

    /// @notice Whether the agency held the issuer's role and this licence type at `time`.
    function mayIssue(address agency, bytes32 licenceType, uint64 time) external view returns (bool);

    /// @notice All periods of a role, oldest first.
    function rolePeriods(address agency, uint8 role) external view returns (Period[] memory);

    /// @notice All periods of a licence type, oldest first, whether or not the issuer's role covers them.
    function issuePeriods(address agency, bytes32 licenceType) external view returns (Period[] memory);

    /// @notice The newest card; reverts with `CardUnknown(agency, 0)` if there is none.
    function currentCard(address agency) external view returns (CardRecord memory);

    /// @notice The newest card with `validFrom <= time`; reverts with `CardUnknown(agency, 0)` if there is none.
    function cardAt(address agency, uint64 time) external view returns (CardRecord memory);

    /// @notice The card of this number; reverts with `CardUnknown`.
    function cardBySeq(address agency, uint64 seq) external view returns (CardRecord memory);
}
