// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A contract account that answers ERC-1271 for two keys out of two, and whose keys can change
contract TwoOfTwo {
    address private _first;
    address private _second;

    constructor(address first, address second) {
        setSigners(first, second);
    }

    function setSigners(address first, address second) public {
        (_first, _second) = (first, second);
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        bool good = signature.length == 130 && ECDSA.recover(digest, signature[:65]) == _first
            && ECDSA.recover(digest, signature[65:]) == _second;
        return good ? this.isValidSignature.selector : bytes4(0);
    }
}

/// @title A contract account that answers every call with the same bytes, or reverts with them
contract OddAccount {
    bytes private _answer;
    bool private _reverts;

    constructor(bytes memory answer, bool reverts) {
        (_answer, _reverts) = (answer, reverts);
    }

    fallback(bytes calldata) external returns (bytes memory) {
        require(!_reverts);
        return _answer;
    }
}
