// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Revoked grants and mandates
/// @notice The verifying contract of the domain in which grants and mandates are signed: {name "OneFile", version
/// "1", chainId, verifyingContract = this registry}. Of a grant nothing is kept but its nullifier, once it is revoked.
interface IGrantRegistry {
    /// `ScopeItem(bytes32 item,string query,bytes32 parcel,string[] claims,bytes32[] documents)`
    struct ScopeItem {
        bytes32 item;
        string query;
        bytes32 parcel;
        string[] claims;
        bytes32[] documents;
    }

    /// `AccessGrant(bytes32 grantId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address grantor,bytes32 mandate,
    /// address agency,bytes32 agencyCard,bytes32 scenario,string purpose,bytes32 officerClass,ScopeItem[] scope,
    /// uint64 notBefore,uint64 notAfter,uint32 maxUses,uint32 minIntervalS,uint32 retentionDays,uint8 maxDepth,
    /// bytes32 nullifier)` without the line breaks, followed by the type string of ScopeItem.
    struct AccessGrant {
        bytes32 grantId;
        bytes32 log;
        bytes32 dossier;
        uint64 grantEpoch;
        address grantor;
        bytes32 mandate;
        address agency;
        bytes32 agencyCard;
        bytes32 scenario;
        string purpose;
        bytes32 officerClass;
        ScopeItem[] scope;
        uint64 notBefore;
        uint64 notAfter;
        uint32 maxUses;
        uint32 minIntervalS;
        uint32 retentionDays;
        uint8 maxDepth;
        bytes32 nullifier;
    }

    /// `Mandate(bytes32 mandateId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address agent,uint8 powers,
    /// bytes32[] scenarios,uint32 maxGrants,uint64 notBefore,uint64 notAfter,bytes32 parent,uint8 maxDepth,
    /// bytes32 nullifier)` without the line breaks.
    struct Mandate {
        bytes32 mandateId;
        bytes32 log;
        bytes32 dossier;
        uint64 grantEpoch;
        address agent;
        uint8 powers;
        bytes32[] scenarios;
        uint32 maxGrants;
        uint64 notBefore;
        uint64 notAfter;
        bytes32 parent;
        uint8 maxDepth;
        bytes32 nullifier;
    }

    event Nullified(bytes32 indexed nullifier, bytes32 secret);

    error AlreadyNullified(bytes32 nullifier, uint64 time);

    /// @notice End the grant or mandate whose nullifier is keccak256 of `secret`. Anyone who knows the secret may:
    /// only the holder can compute it, and it lies in nothing that a reader gets. It becomes public by this.
    function revoke(bytes32 secret) external;

    /// @notice Block time at which the nullifier was spent, 0 if it was not.
    function nullifiedAt(bytes32 nullifier) external view returns (uint64);

    /// @notice The EIP-712 digest that a grantor signs. An oracle for programs that compute it themselves.
    function hashGrant(AccessGrant calldata grant) external view returns (bytes32);

    /// @notice The EIP-712 digest that a principal signs for a mandate.
    function hashMandate(Mandate calldata mandate) external view returns (bytes32);
}
