// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrantRegistry} from "../interfaces/IGrantRegistry.sol";

/// @title EIP-712 struct hashes of grants and mandates
library GrantHashes {
    bytes32 private constant _SCOPE_ITEM =
        keccak256("ScopeItem(bytes32 item,string query,bytes32 parcel,string[] claims,bytes32[] documents)");
    bytes32 private constant _ACCESS_GRANT = keccak256(
        "AccessGrant(bytes32 grantId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address grantor,bytes32 mandate,"
        "address agency,bytes32 agencyCard,bytes32 scenario,string purpose,bytes32 officerClass,ScopeItem[] scope,"
        "uint64 notBefore,uint64 notAfter,uint32 maxUses,uint32 minIntervalS,uint32 retentionDays,uint8 maxDepth,"
        "bytes32 nullifier)"
        "ScopeItem(bytes32 item,string query,bytes32 parcel,string[] claims,bytes32[] documents)"
    );
    bytes32 private constant _MANDATE = keccak256(
        "Mandate(bytes32 mandateId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address agent,uint8 powers,"
        "bytes32[] scenarios,uint32 maxGrants,uint64 notBefore,uint64 notAfter,bytes32 parent,uint8 maxDepth,"
        "bytes32 nullifier)"
    );

    /// @dev Static members of two runs of `abi.encode` are joined; one run would not fit on the stack.
    function accessGrant(IGrantRegistry.AccessGrant calldata g) internal pure returns (bytes32) {
        bytes memory parties = abi.encode(
            _ACCESS_GRANT, g.grantId, g.log, g.dossier, g.grantEpoch, g.grantor, g.mandate, g.agency, g.agencyCard
        );
        bytes memory purpose =
            abi.encode(g.scenario, keccak256(bytes(g.purpose)), g.officerClass, _scope(g.scope), g.notBefore);
        bytes memory limits =
            abi.encode(g.notAfter, g.maxUses, g.minIntervalS, g.retentionDays, g.maxDepth, g.nullifier);
        return keccak256(bytes.concat(parties, purpose, limits));
    }

    function mandate(IGrantRegistry.Mandate calldata m) internal pure returns (bytes32) {
        bytes memory parties =
            abi.encode(_MANDATE, m.mandateId, m.log, m.dossier, m.grantEpoch, m.agent, m.powers);
        bytes memory limits = abi.encode(
            keccak256(abi.encodePacked(m.scenarios)),
            m.maxGrants,
            m.notBefore,
            m.notAfter,
            m.parent,
            m.maxDepth,
            m.nullifier
        );
        return keccak256(bytes.concat(parties, limits));
    }

    function _scope(IGrantRegistry.ScopeItem[] calldata scope) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](scope.length);
        for (uint256 i = 0; i < scope.length; ++i) {
            IGrantRegistry.ScopeItem calldata s = scope[i];
            bytes32 documents = keccak256(abi.encodePacked(s.documents));
            hashes[i] = keccak256(
                abi.encode(_SCOPE_ITEM, s.item, keccak256(bytes(s.query)), s.parcel, _texts(s.claims), documents)
            );
        }
        return keccak256(abi.encodePacked(hashes));
    }

    function _texts(string[] calldata texts) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](texts.length);
        for (uint256 i = 0; i < texts.length; ++i) hashes[i] = keccak256(bytes(texts[i]));
        return keccak256(abi.encodePacked(hashes));
    }
}
