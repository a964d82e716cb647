// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrantRegistry} from "../../../contracts/src/GrantRegistry.sol";
import {IGrantRegistry} from "../../../contracts/src/interfaces/IGrantRegistry.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

/// @dev Holders who know a few secrets, and thieves who know what is public.
contract Secrets {
    uint256 public constant COUNT = 6;
    GrantRegistry public immutable registry = new GrantRegistry();
    mapping(bytes32 nullifier => uint256) public spentAt;
    uint256 private _now = block.timestamp;

    function pass(uint16 time) external {
        _now += time;
        vm.warp(_now);
    }

    function revoke(uint8 which, address caller) external {
        _send(secret(which % COUNT), caller);
    }

    /// @notice Whoever knows only nullifiers, or what was revoked before, cannot spend another nullifier by them.
    function steal(uint8 which, uint8 twist, address thief) external {
        bytes32 nullifier = keccak256(abi.encode(secret(which % COUNT)));
        if (twist % 3 == 0) _send(nullifier, thief);
        if (twist % 3 == 1) _send(bytes32(uint256(nullifier) ^ (1 << twist)), thief);
        if (twist % 3 == 2) _send(bytes32(uint256(twist)), thief);
    }

    function secret(uint256 which) public pure returns (bytes32) {
        return sha256(abi.encode("secret", which));
    }

    function _send(bytes32 word, address caller) private {
        bytes32 nullifier = keccak256(abi.encode(word));
        vm.prank(caller);
        (bool done,) = address(registry).call(abi.encodeCall(registry.revoke, (word)));
        assert(done == (spentAt[nullifier] == 0));
        if (done) spentAt[nullifier] = _now;
    }
}

contract GrantRegistryInvariants {
    Secrets private _secrets;

    function setUp() external {
        _secrets = new Secrets();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_secrets);
    }

    /// @notice A nullifier stands at the first second in which its own secret was told, and nothing else moves it.
    function invariant_a_nullifier_is_spent_by_its_secret_alone_and_once() external view {
        for (uint256 i = 0; i < _secrets.COUNT(); ++i) {
            bytes32 nullifier = keccak256(abi.encode(_secrets.secret(i)));
            assert(_secrets.registry().nullifiedAt(nullifier) == _secrets.spentAt(nullifier));
        }
    }
}

contract GrantRegistryTest {
    GrantRegistry private _registry = new GrantRegistry();

    function testFuzz_a_secret_spends_the_keccak_of_itself_and_nothing_else(bytes32 secret, bytes32 other) external {
        vm.assume(other != keccak256(abi.encode(secret)));
        _registry.revoke(secret);
        assert(_registry.nullifiedAt(keccak256(abi.encode(secret))) == block.timestamp);
        assert(_registry.nullifiedAt(other) == 0);
    }

    function testFuzz_a_nullifier_is_spent_once_by_whomever(bytes32 secret, address first, address second, uint32 later)
        external
    {
        bytes32 nullifier = keccak256(abi.encode(secret));
        uint64 time = uint64(block.timestamp);
        vm.prank(first);
        _registry.revoke(secret);
        vm.warp(time + later);
        vm.prank(second);
        vm.expectRevert(abi.encodeWithSelector(IGrantRegistry.AlreadyNullified.selector, nullifier, time));
        _registry.revoke(secret);
        assert(_registry.nullifiedAt(nullifier) == time);
    }

    function testFuzz_a_grant_hashes_as_eip712_says(uint256 seed, string calldata purpose, uint64 chain) external {
        IGrantRegistry.AccessGrant memory g;
        (g.grantId, g.log, g.dossier, g.grantEpoch) = (_word(seed, 1), _word(seed, 2), _word(seed, 3), uint64(seed));
        (g.grantor, g.mandate, g.agency) = (_account(seed, 4), _word(seed, 5), _account(seed, 6));
        (g.agencyCard, g.scenario, g.purpose) = (_word(seed, 7), _word(seed, 8), purpose);
        (g.officerClass, g.nullifier, g.notBefore) = (_word(seed, 9), _word(seed, 10), uint64(seed >> 8));
        (g.notAfter, g.maxUses, g.minIntervalS) = (uint64(seed >> 16), uint32(seed >> 24), uint32(seed >> 32));
        (g.retentionDays, g.maxDepth) = (uint32(seed >> 40), uint8(seed >> 48));
        g.scope = new IGrantRegistry.ScopeItem[](seed % 4);
        for (uint256 i = 0; i < g.scope.length; ++i) g.scope[i] = _item(uint256(_word(seed, 100 + i)), purpose);
        vm.chainId(chain);
        assert(_registry.hashGrant(g) == Messages.digest(chain, address(_registry), Messages.hash(g)));
    }

    function testFuzz_a_mandate_hashes_as_eip712_says(IGrantRegistry.Mandate calldata mandate, uint64 chain) external {
        vm.chainId(chain);
        bytes32 expected = Messages.digest(chain, address(_registry), Messages.hash(mandate));
        assert(_registry.hashMandate(mandate) == expected);
    }

    function _item(uint256 seed, string calldata text) private pure returns (IGrantRegistry.ScopeItem memory s) {
        (s.item, s.parcel, s.query) = (_word(seed, 1), _word(seed, 2), string.concat(text, "/query"));
        (s.claims, s.documents) = (new string[](seed % 3), new bytes32[]((seed >> 8) % 3));
        for (uint256 i = 0; i < s.claims.length; ++i) s.claims[i] = i == 0 ? text : string(abi.encode(seed));
        for (uint256 i = 0; i < s.documents.length; ++i) s.documents[i] = _word(seed, 3 + i);
    }

    function _word(uint256 seed, uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode(seed, i));
    }

    function _account(uint256 seed, uint256 i) private pure returns (address) {
        return address(uint160(uint256(_word(seed, i))));
    }
}
