// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ProofHarness} from "../solidity/ProofHarness.sol";
import {vm} from "./Vm.sol";

/// @title Trees of any size up to 2^64 - 1: proofs of random hashes whose roots are computed by the recursion of
/// RFC 9162, from the top down, where the library goes by the bits of the sizes, from the bottom up
contract LargeTreesTest {
    ProofHarness private _harness = new ProofHarness();
    uint256 private _seed;
    bytes32[] private _proof;

    function testFuzz_consistency_agrees_with_the_recursion(uint256 seed, uint64 m, uint64 n, uint8 shift) external {
        n = n >> (shift % 63);
        if (n < 2) n = 2;
        m = 1 + m % (n - 1);
        _seed = seed;
        (bytes32 first, bytes32 second) = _consistent(m, n, true);
        ProofHarness.Consistency memory c = ProofHarness.Consistency(m, first, n, second, _proof);
        _harness.consistency(c);
        c.secondRoot ^= bytes32(uint256(1));
        _mustRefuse(c);
        (c.firstRoot, c.secondRoot) = (first ^ bytes32(uint256(1)), second);
        _mustRefuse(c);
    }

    function testFuzz_inclusion_agrees_with_the_recursion(uint256 seed, uint64 i, uint64 n, uint8 shift) external {
        n = n >> (shift % 64);
        if (n == 0) n = 1;
        i %= n;
        _seed = seed;
        bytes32 leaf = _next();
        bytes32 root = _included(leaf, i, n);
        _harness.inclusion(ProofHarness.Inclusion(leaf, i, n, root, _proof));
        root ^= bytes32(uint256(1));
        try _harness.inclusion(ProofHarness.Inclusion(leaf, i, n, root, _proof)) {
            assert(false);
        } catch {}
    }

    /// @dev The two roots of a proof from m to n, drawn on the way: §2.1.4.1 read backwards.
    function _consistent(uint64 m, uint64 n, bool whole) private returns (bytes32 first, bytes32 second) {
        if (m == n) {
            first = _next();
            if (!whole) _proof.push(first);
            return (first, first);
        }
        uint64 k = _split(n);
        if (m <= k) {
            (first, second) = _consistent(m, k, whole);
            return (first, _node(second, _draw()));
        }
        (first, second) = _consistent(m - k, n - k, false);
        bytes32 left = _draw();
        return (_node(left, first), _node(left, second));
    }

    /// @dev §2.1.3.1 read backwards.
    function _included(bytes32 leaf, uint64 i, uint64 n) private returns (bytes32) {
        if (n == 1) return leaf;
        uint64 k = _split(n);
        if (i < k) {
            bytes32 left = _included(leaf, i, k);
            return _node(left, _draw());
        }
        bytes32 right = _included(leaf, i - k, n - k);
        return _node(_draw(), right);
    }

    function _draw() private returns (bytes32 drawn) {
        drawn = _next();
        _proof.push(drawn);
    }

    function _next() private returns (bytes32) {
        _seed = uint256(keccak256(abi.encode(_seed)));
        return bytes32(_seed);
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    function _split(uint64 n) private pure returns (uint64 k) {
        k = 1;
        while (k < n - k) k <<= 1;
    }

    function _mustRefuse(ProofHarness.Consistency memory c) private view {
        try _harness.consistency(c) {
            assert(false);
        } catch {}
    }
}
