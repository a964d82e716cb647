// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The few cheat codes that these tests use
interface Vm {
    function prank(address sender) external;
    function expectRevert(bytes calldata reason) external;
    function mockCall(address callee, bytes calldata data, bytes calldata answer) external;
    function mockCallRevert(address callee, bytes calldata data, bytes calldata reason) external;
    function clearMockedCalls() external;
    function warp(uint256 time) external;
    function chainId(uint256 id) external;
    function assume(bool condition) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
