// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a Merkle proof (RFC 9162, hashing of RFC 6962) can be refused for
interface IRfc9162 {
    /// @notice The proof has fewer or more hashes than trees of these sizes have.
    error ProofLengthInvalid(uint64 firstSize, uint64 secondSize, uint256 length);
    /// @notice The proof does not lead to the smaller tree's root.
    error FirstRootInvalid(bytes32 expected, bytes32 computed);
    /// @notice The proof does not lead to the larger tree's root, or the entry is not at this index of it.
    error SecondRootInvalid(bytes32 expected, bytes32 computed);
    /// @notice A tree cannot be consistent with a smaller one, or with the empty one.
    error SizesInvalid(uint64 firstSize, uint64 secondSize);
    error IndexOutsideTree(uint64 index, uint64 size);
    /// @notice The SHA-256 precompile failed, or answered with something else than 32 bytes.
    error Sha256Unavailable();
}
