// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IKeyCards} from "../interfaces/IKeyCards.sol";

/// @title What a key card hashes to, and which card may follow which
library KeyCards {
    bytes32 private constant _TYPE_HASH = keccak256(
        "KeyCard(bytes32 subject,uint64 seq,bytes32 presentKeyThumbprint,bytes32 sealingKeyHash,uint64 validFrom,"
        "uint64 revokedBelow,bytes32 previous)"
    );

    /// A card that nobody brings within this time is void: this is its deadline.
    uint64 internal constant MAX_BEHIND = 1 days;
    /// Short, because the next card, needed in an emergency, cannot start before this one.
    uint64 internal constant MAX_AHEAD = 1 hours;

    /// @dev What is known of the card that the next one follows; all zero before the first.
    struct Current {
        bytes32 cardHash;
        uint64 seq;
        uint64 validFrom;
        uint64 revokedBelow;
    }

    function structHash(IKeyCards.KeyCard calldata card) internal pure returns (bytes32) {
        return keccak256(abi.encode(_TYPE_HASH, card));
    }

    /// @notice Reverts with an error of IKeyCards unless `card` may follow `current` in this block.
    function requireNext(IKeyCards.KeyCard calldata card, Current memory current) internal view {
        uint64 next = current.seq + 1;
        if (card.seq != next) revert IKeyCards.CardSequenceInvalid(next, card.seq);
        if (card.previous != current.cardHash) {
            revert IKeyCards.CardPreviousInvalid(current.cardHash, card.previous);
        }
        if (card.presentKeyThumbprint == 0 || card.sealingKeyHash == 0) revert IKeyCards.CardKeyMissing();
        if (card.revokedBelow < current.revokedBelow || card.revokedBelow > card.seq) {
            revert IKeyCards.CardRevokedBelowInvalid(current.revokedBelow, card.seq, card.revokedBelow);
        }
        _requireTime(card.validFrom, current.validFrom);
    }

    function _requireTime(uint64 validFrom, uint64 floor) private view {
        uint64 latest = uint64(block.timestamp) + MAX_AHEAD;
        uint64 earliest = uint64(block.timestamp) - MAX_BEHIND;
        if (earliest < floor) earliest = floor;
        if (validFrom < earliest || validFrom > latest) {
            revert IKeyCards.CardValidFromInvalid(earliest, latest, validFrom);
        }
    }
}
