// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Key cards: what both registries keep of a party's current public keys
/// @notice A key card is an EIP-712 message in the domain {name "OneFile", version "1", chainId, verifyingContract =
/// the registry that keeps it}. Its type string is
/// `KeyCard(bytes32 subject,uint64 seq,bytes32 presentKeyThumbprint,bytes32 sealingKeyHash,uint64 validFrom,
/// uint64 revokedBelow,bytes32 previous)` without the line break.
/// The hash of a card, here and wherever else a card is named, is its EIP-712 digest, so it binds chain and registry.
/// Neither function here proves possession of the new present key: the card's envelope carries an ES256 signature of
/// the same digest for that, which readers check.
interface IKeyCards {
    /// @param subject the dossier's id, or `bytes32(uint256(uint160(agency)))`
    /// @param seq 1 for the first card, then the current one + 1
    /// @param presentKeyThumbprint RFC 7638 SHA-256 thumbprint of the P-256 key that signs
    /// @param sealingKeyHash SHA-256 of the 1,216 bytes of the mlkem768x25519 recipient
    /// @param validFrom seconds since 1970; within a day before and an hour after the block that records the card, and
    /// never before the card that it follows
    /// @param revokedBelow cards with a lower `seq` bind no credential any more; never falls, never above `seq`
    /// @param previous hash of the card that this one follows; zero for the first
    struct KeyCard {
        bytes32 subject;
        uint64 seq;
        bytes32 presentKeyThumbprint;
        bytes32 sealingKeyHash;
        uint64 validFrom;
        uint64 revokedBelow;
        bytes32 previous;
    }

    /// @notice A card was recorded; logs and wallets follow this event to rebuild the history.
    event KeyCardPublished(bytes32 indexed subject, uint64 indexed seq, bytes32 indexed cardHash, KeyCard card);

    /// @notice The card's `seq` is not the current one + 1.
    error CardSequenceInvalid(uint64 expected, uint64 got);
    /// @notice The card does not name the current card as its predecessor.
    error CardPreviousInvalid(bytes32 expected, bytes32 got);
    /// @notice `validFrom` lies outside what the registry takes now.
    error CardValidFromInvalid(uint64 earliest, uint64 latest, uint64 got);
    /// @notice `revokedBelow` would fall, or exceeds the card's own `seq`.
    error CardRevokedBelowInvalid(uint64 lowest, uint64 highest, uint64 got);
    /// @notice One of the card's two key hashes is zero.
    error CardKeyMissing();
    /// @notice No account that may sign this message signed it (EIP-712; ERC-1271 where the account is a contract).
    error SignatureInvalid(bytes32 digest);
    /// @notice The message's deadline lies before this block's time.
    error DeadlinePassed(uint64 deadline, uint64 time);
    /// @notice An account is given as zero.
    error AccountMissing();

    /// @notice The EIP-712 digest of a card in this registry's domain: the card's hash.
    function hashKeyCard(KeyCard calldata card) external view returns (bytes32);
}
