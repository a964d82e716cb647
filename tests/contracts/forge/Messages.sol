// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IGuardians} from "../../../contracts/src/interfaces/IGuardians.sol";
import {IGrantRegistry} from "../../../contracts/src/interfaces/IGrantRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {vm} from "./Vm.sol";

/// @title EIP-712 by its own few lines, for tests: shares nothing with what it checks
library Messages {
    bytes32 private constant _DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant _CARD = keccak256(
        "KeyCard(bytes32 subject,uint64 seq,bytes32 presentKeyThumbprint,bytes32 sealingKeyHash,uint64 validFrom,uint64 revokedBelow,bytes32 previous)"
    );
    bytes32 private constant _OPEN =
        keccak256("OpenDossier(address owner,address controller,bytes32 salt,uint64 deadline)");
    bytes32 private constant _ROTATE = keccak256(
        "RotateDossier(bytes32 dossier,address newOwner,address newController,uint64 nonce,uint64 deadline)"
    );
    bytes32 private constant _BUMP = keccak256("BumpEpoch(bytes32 dossier,uint64 nonce,uint64 deadline)");
    bytes32 private constant _SET = keccak256(
        "SetGuardians(bytes32 dossier,bytes32 setHash,uint8 threshold,uint32 delay,uint64 nonce,uint64 deadline)"
    );
    bytes32 private constant _FREEZE =
        keccak256("FreezeDossier(bytes32 dossier,address guardian,uint64 nonce,uint64 deadline)");
    bytes32 private constant _RECOVER = keccak256(
        "RecoverDossier(bytes32 dossier,address newOwner,address newController,bool byAll,uint64 nonce,uint64 deadline)"
    );
    bytes32 private constant _VETO =
        keccak256("VetoRecovery(bytes32 dossier,uint64 recovery,uint64 nonce,uint64 deadline)");
    bytes32 private constant _ITEM =
        keccak256("ScopeItem(bytes32 item,string query,bytes32 parcel,string[] claims,bytes32[] documents)");
    bytes32 private constant _GRANT = keccak256(
        "AccessGrant(bytes32 grantId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address grantor,bytes32 mandate,address agency,bytes32 agencyCard,bytes32 scenario,string purpose,bytes32 officerClass,ScopeItem[] scope,uint64 notBefore,uint64 notAfter,uint32 maxUses,uint32 minIntervalS,uint32 retentionDays,uint8 maxDepth,bytes32 nullifier)ScopeItem(bytes32 item,string query,bytes32 parcel,string[] claims,bytes32[] documents)"
    );
    bytes32 private constant _MANDATE = keccak256(
        "Mandate(bytes32 mandateId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address agent,uint8 powers,bytes32[] scenarios,uint32 maxGrants,uint64 notBefore,uint64 notAfter,bytes32 parent,uint8 maxDepth,bytes32 nullifier)"
    );

    function sign(uint256 key, bytes32 message) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, message);
        return abi.encodePacked(r, s, v);
    }

    function digest(uint256 chainId, address registry, bytes32 message) internal pure returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(_DOMAIN, keccak256("OneFile"), keccak256("1"), chainId, registry));
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    function hash(IKeyCards.KeyCard memory c) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                _CARD, c.subject, c.seq, c.presentKeyThumbprint, c.sealingKeyHash, c.validFrom, c.revokedBelow, c.previous
            )
        );
    }

    function hash(IDossierRegistry.OpenDossier memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(_OPEN, m.owner, m.controller, m.salt, m.deadline));
    }

    function hash(IDossierRegistry.RotateDossier memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(_ROTATE, m.dossier, m.newOwner, m.newController, m.nonce, m.deadline));
    }

    function hash(IDossierRegistry.BumpEpoch memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(_BUMP, m.dossier, m.nonce, m.deadline));
    }

    function hash(IGuardians.SetGuardians memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(_SET, m.dossier, m.setHash, m.threshold, m.delay, m.nonce, m.deadline));
    }

    function hash(IGuardians.FreezeDossier memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(_FREEZE, m.dossier, m.guardian, m.nonce, m.deadline));
    }

    function hash(IGuardians.RecoverDossier memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(_RECOVER, m.dossier, m.newOwner, m.newController, m.byAll, m.nonce, m.deadline));
    }

    function hash(IGuardians.VetoRecovery memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(_VETO, m.dossier, m.recovery, m.nonce, m.deadline));
    }

    function hash(IGrantRegistry.AccessGrant memory g) internal pure returns (bytes32) {
        bytes32[20] memory w;
        (w[0], w[1], w[2], w[3], w[4]) = (_GRANT, g.grantId, g.log, g.dossier, bytes32(uint256(g.grantEpoch)));
        (w[5], w[6], w[7]) = (bytes32(uint256(uint160(g.grantor))), g.mandate, bytes32(uint256(uint160(g.agency))));
        (w[8], w[9], w[10], w[11]) = (g.agencyCard, g.scenario, keccak256(bytes(g.purpose)), g.officerClass);
        bytes32[] memory items = new bytes32[](g.scope.length);
        for (uint256 i = 0; i < items.length; ++i) items[i] = hash(g.scope[i]);
        (w[12], w[13], w[14]) = (list(items), bytes32(uint256(g.notBefore)), bytes32(uint256(g.notAfter)));
        (w[15], w[16]) = (bytes32(uint256(g.maxUses)), bytes32(uint256(g.minIntervalS)));
        (w[17], w[18], w[19]) = (bytes32(uint256(g.retentionDays)), bytes32(uint256(g.maxDepth)), g.nullifier);
        return keccak256(abi.encode(w));
    }

    function hash(IGrantRegistry.ScopeItem memory s) internal pure returns (bytes32) {
        bytes32[] memory claims = new bytes32[](s.claims.length);
        for (uint256 i = 0; i < claims.length; ++i) claims[i] = keccak256(bytes(s.claims[i]));
        return keccak256(
            abi.encode(_ITEM, s.item, keccak256(bytes(s.query)), s.parcel, list(claims), list(s.documents))
        );
    }

    function hash(IGrantRegistry.Mandate memory m) internal pure returns (bytes32) {
        bytes32[14] memory w;
        (w[0], w[1], w[2], w[3], w[4]) = (_MANDATE, m.mandateId, m.log, m.dossier, bytes32(uint256(m.grantEpoch)));
        (w[5], w[6]) = (bytes32(uint256(uint160(m.agent))), bytes32(uint256(m.powers)));
        (w[7], w[8], w[9]) = (list(m.scenarios), bytes32(uint256(m.maxGrants)), bytes32(uint256(m.notBefore)));
        (w[10], w[11], w[12]) = (bytes32(uint256(m.notAfter)), m.parent, bytes32(uint256(m.maxDepth)));
        w[13] = m.nullifier;
        return keccak256(abi.encode(w));
    }

    function list(bytes32[] memory words) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(words));
    }
}
