// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title RFC 9162 §2.1 by its own recursion, over the leaves hash(seed ‖ i); slow, for tests
library Trees {
    function leaf(uint256 seed, uint256 i) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0), entry(seed, i)));
    }

    function entry(uint256 seed, uint256 i) internal pure returns (bytes memory) {
        return abi.encodePacked(seed, i);
    }

    function root(uint256 seed, uint256 n) internal pure returns (bytes32) {
        return mth(seed, 0, n);
    }

    /// @dev MTH(D[a:b])
    function mth(uint256 seed, uint256 a, uint256 b) internal pure returns (bytes32) {
        if (b - a == 1) return leaf(seed, a);
        uint256 k = a + split(b - a);
        return sha256(abi.encodePacked(bytes1(0x01), mth(seed, a, k), mth(seed, k, b)));
    }

    /// @dev PROOF(m, D[0:n]), §2.1.4.1
    function consistency(uint256 seed, uint256 m, uint256 n) internal pure returns (bytes32[] memory) {
        return _subproof(seed, m, 0, n, true);
    }

    function _subproof(uint256 seed, uint256 m, uint256 a, uint256 b, bool whole)
        private
        pure
        returns (bytes32[] memory)
    {
        if (m == b - a) return whole ? new bytes32[](0) : _append(new bytes32[](0), mth(seed, a, b));
        uint256 k = split(b - a);
        if (m <= k) return _append(_subproof(seed, m, a, a + k, whole), mth(seed, a + k, b));
        return _append(_subproof(seed, m - k, a + k, b, false), mth(seed, a, a + k));
    }

    /// @dev PATH(m, D[a:b]), §2.1.3.1
    function inclusion(uint256 seed, uint256 m, uint256 a, uint256 b) internal pure returns (bytes32[] memory) {
        if (b - a == 1) return new bytes32[](0);
        uint256 k = a + split(b - a);
        if (m < k) return _append(inclusion(seed, m, a, k), mth(seed, k, b));
        return _append(inclusion(seed, m, k, b), mth(seed, a, k));
    }

    function split(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (k << 1 < n) k <<= 1;
    }

    function _append(bytes32[] memory list, bytes32 last) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) longer[i] = list[i];
        longer[list.length] = last;
    }
}
