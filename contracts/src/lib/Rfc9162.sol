// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRfc9162} from "../interfaces/IRfc9162.sol";

/// @title Merkle proofs of RFC 9162 over trees hashed as in RFC 6962 (SHA-256, prefixes 0x00 and 0x01)
/// @notice Every check reverts with an error of IRfc9162; nothing returns a bool that could be ignored.
/// @dev Loops end because each step shifts `sn`, at most 64 times; a proof that is longer than its trees is refused.
library Rfc9162 {
    /// @notice RFC 9162 §2.1.4.2: the tree (`second`, `secondRoot`) extends the tree (`first`, `firstRoot`).
    /// @dev Binds `first` if `second` is the true size of the larger tree, but does not bind `second` (IArchiveLog).
    function requireConsistent(
        uint64 first,
        bytes32 firstRoot,
        uint64 second,
        bytes32 secondRoot,
        bytes32[] calldata proof
    ) internal view {
        if (first == 0 || first > second) revert IRfc9162.SizesInvalid(first, second);
        uint256 length = proof.length;
        if (first == second) {
            // The same tree needs no hash; the RFC leaves this case to the caller.
            if (length != 0) revert IRfc9162.ProofLengthInvalid(first, second, length);
            if (firstRoot != secondRoot) revert IRfc9162.FirstRootInvalid(secondRoot, firstRoot);
            return;
        }
        unchecked {
            // (3), (4): fn reaches 0, whose lowest bit is clear, when `first` is a power of two.
            uint256 fn = first - 1;
            uint256 sn = second - 1;
            while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1);
            // (1), (2), (5): a power of two stands for itself, anything else needs its first subtree from the proof.
            uint256 i = fn == 0 ? 0 : 1;
            if (length < i) revert IRfc9162.ProofLengthInvalid(first, second, length);
            bytes32 fr = fn == 0 ? firstRoot : proof[0];
            bytes32 sr = fr;
            // (6)
            for (; i < length; ++i) {
                bytes32 sibling = proof[i];
                if (sn == 0) revert IRfc9162.ProofLengthInvalid(first, second, length);
                if (fn & 1 == 1 || fn == sn) {
                    fr = _node(sibling, fr);
                    sr = _node(sibling, sr);
                    // Without `fn != 0` this would never end for the leftmost subtree.
                    while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
                } else {
                    sr = _node(sr, sibling);
                }
                (fn, sn) = (fn >> 1, sn >> 1);
            }
            // (7)
            if (sn != 0) revert IRfc9162.ProofLengthInvalid(first, second, length);
            if (fr != firstRoot) revert IRfc9162.FirstRootInvalid(firstRoot, fr);
            if (sr != secondRoot) revert IRfc9162.SecondRootInvalid(secondRoot, sr);
        }
    }

    /// @notice RFC 9162 §2.1.3.2: `leaf` is leaf `index` of the tree (`size`, `root`).
    function requireIncluded(bytes32 leaf, uint64 index, uint64 size, bytes32 root, bytes32[] calldata proof)
        internal
        view
    {
        if (index >= size) revert IRfc9162.IndexOutsideTree(index, size);
        unchecked {
            uint256 fn = index;
            uint256 sn = size - 1;
            bytes32 r = leaf;
            uint256 length = proof.length;
            for (uint256 i = 0; i < length; ++i) {
                if (sn == 0) revert IRfc9162.ProofLengthInvalid(index, size, length);
                if (fn & 1 == 1 || fn == sn) {
                    r = _node(proof[i], r);
                    while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
                } else {
                    r = _node(r, proof[i]);
                }
                (fn, sn) = (fn >> 1, sn >> 1);
            }
            if (sn != 0) revert IRfc9162.ProofLengthInvalid(index, size, length);
            if (r != root) revert IRfc9162.SecondRootInvalid(root, r);
        }
    }

    /// @notice RFC 6962 leaf hash, from the entry's own bytes.
    function leafHash(bytes calldata entry) internal view returns (bytes32) {
        return sha(abi.encodePacked(bytes1(0), entry));
    }

    /// @notice SHA-256 that does not trust a chain to have the precompile: an account without code would "succeed".
    function sha(bytes memory data) internal view returns (bytes32 digest) {
        bool good;
        assembly ("memory-safe") {
            good := staticcall(gas(), 2, add(data, 0x20), mload(data), 0, 0x20)
            good := and(good, eq(returndatasize(), 0x20))
            digest := mload(0)
        }
        if (!good) revert IRfc9162.Sha256Unavailable();
    }

    /// @dev As `sha(0x01 ‖ left ‖ right)`, beyond the free memory pointer and without moving it.
    function _node(bytes32 left, bytes32 right) private view returns (bytes32 digest) {
        bool good;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 0x01), left)
            mstore(add(free, 0x21), right)
            good := staticcall(gas(), 2, free, 0x41, 0, 0x20)
            good := and(good, eq(returndatasize(), 0x20))
            digest := mload(0)
        }
        if (!good) revert IRfc9162.Sha256Unavailable();
    }
}
