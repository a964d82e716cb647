// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DossierRegistry} from "../../../contracts/src/DossierRegistry.sol";
import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

/// @dev Owners, controllers and thieves of a few dossiers. Before each call it says whether the registry must take it,
/// and remembers what that makes of the dossier. Keys are 1 to 4; a `slip` of 0 to 5 spoils one thing, 6 to 11 nothing.
contract Holders {
    struct Ghost {
        uint256 owner;
        uint256 controller;
        uint64 rotations;
        uint64 bumps;
        uint64 cards;
        uint64 validFrom;
        uint64 revokedBelow;
        bytes32 cardHash;
    }

    uint256 private constant _KEYS = 4;
    uint8 private constant _NO_SLIP = 6;
    DossierRegistry public immutable registry = new DossierRegistry();
    DossierRegistry private immutable _twin = new DossierRegistry();
    bytes32[] public ids;
    bytes32[] public attested;
    mapping(bytes32 dossier => Ghost) private _ghosts;
    mapping(bytes32 dossier => mapping(bytes32 digest => uint256)) public attestedAt;
    bytes[] private _taken;
    uint256 private _now = block.timestamp;

    constructor() {
        for (uint8 i = 1; i < 4; ++i) open(i, i + 1, i, i, _NO_SLIP);
    }

    function pass(uint16 time) external {
        _now += time;
        vm.warp(_now);
    }

    function open(uint8 owner, uint8 controller, uint8 salt, uint8 signer, uint8 slip) public {
        slip %= 12;
        IDossierRegistry.OpenDossier memory m = IDossierRegistry.OpenDossier(
            vm.addr(_key(owner)), vm.addr(_key(controller)), bytes32(uint256(salt % 8)), _deadline(slip)
        );
        bytes32 id = keccak256(
            abi.encode(keccak256("onefile/dossier/v1"), block.chainid, address(registry), m.owner, m.salt)
        );
        Ghost memory g = Ghost(_key(owner), _key(controller), 0, 0, 1, uint64(_now), 0, 0);
        IKeyCards.KeyCard memory card = IKeyCards.KeyCard(id, 1, "present", "sealing", uint64(_now), 0, 0);
        g.cardHash = Messages.digest(block.chainid, address(registry), Messages.hash(card));
        bool right = slip < 2 || slip > 4; // an opening has no nonce, and is not changed after signing
        right = right && _key(signer) == g.owner && _ghosts[id].owner == 0;
        bytes memory signature = Messages.sign(_key(signer), _digest(slip, Messages.hash(m)));
        if (!_send(abi.encodeCall(registry.open, (m, signature, card, Messages.sign(g.controller, g.cardHash))), right)) {
            return;
        }
        _ghosts[id] = g;
        ids.push(id);
    }

    function rotate(uint8 which, uint8 to, uint8 signer, uint8 slip) external {
        slip %= 12;
        (bytes32 id, Ghost storage g) = _some(which);
        uint256 controller = _key(to / 16);
        IDossierRegistry.RotateDossier memory m = IDossierRegistry.RotateDossier(
            id, vm.addr(_key(to)), vm.addr(controller), _nonce(slip, g), _deadline(slip)
        );
        bytes memory signature = Messages.sign(_signer(signer, g.owner), _digest(slip, Messages.hash(m)));
        if (slip == 5) m.newOwner = vm.addr(9);
        bool right = slip >= _NO_SLIP && _signer(signer, g.owner) == g.owner;
        if (!_send(abi.encodeCall(registry.rotate, (m, signature)), right)) return;
        (g.owner, g.controller, g.rotations) = (_key(to), controller, g.rotations + 1);
    }

    function bump(uint8 which, uint8 signer, uint8 slip) external {
        slip %= 12;
        (bytes32 id, Ghost storage g) = _some(which);
        IDossierRegistry.BumpEpoch memory m = IDossierRegistry.BumpEpoch(id, _nonce(slip, g), _deadline(slip));
        uint256 key = _signer(signer, g.controller);
        bytes memory signature = Messages.sign(key, _digest(slip, Messages.hash(m)));
        if (slip == 5) m.dossier = ids[(uint256(which) + 1) % ids.length];
        // Spoiled so that it fails by the other dossier's nonce, or else by the signature.
        bool right = slip >= _NO_SLIP && (key == g.owner || key == g.controller);
        if (_send(abi.encodeCall(registry.bumpEpoch, (m, signature)), right)) ++g.bumps;
    }

    function publish(uint8 which, uint8 signer, uint8 slip, uint16 ahead, uint8 revokedBelow) external {
        (slip, revokedBelow) = (slip % 12, revokedBelow % 16);
        (bytes32 id, Ghost storage g) = _some(which);
        IKeyCards.KeyCard memory card = IKeyCards.KeyCard(
            id, g.cards + 1, bytes32(uint256(ahead) + 1), "sealing", uint64(_now) + ahead % 3600, revokedBelow, g.cardHash
        );
        if (slip == 0) card.seq = g.cards;
        if (slip == 1) card.previous = keccak256(abi.encode(g.cardHash));
        if (slip == 2) card.validFrom = uint64(_now) + 3601;
        uint256 key = _signer(signer, g.controller);
        bytes memory signature = Messages.sign(key, _digest(slip, Messages.hash(card)));
        if (slip == 5) card.sealingKeyHash = "another";
        bool right = slip >= _NO_SLIP && (key == g.owner || key == g.controller);
        right = right && card.validFrom >= g.validFrom && revokedBelow >= g.revokedBelow && revokedBelow <= card.seq;
        if (!_send(abi.encodeCall(registry.publishCard, (card, signature)), right)) return;
        (g.cards, g.validFrom, g.revokedBelow) = (card.seq, card.validFrom, card.revokedBelow);
        g.cardHash = Messages.digest(block.chainid, address(registry), Messages.hash(card));
    }

    function attest(uint8 which, bytes32 digest, uint8 signer) external {
        (bytes32 id, Ghost storage g) = _some(which);
        digest = bytes32(uint256(digest) % 8);
        uint256 key = _signer(signer, g.controller);
        bool right = key == g.controller && attestedAt[id][digest] == 0;
        bytes memory call = abi.encodeCall(registry.attest, (id, digest, Messages.sign(key, digest)));
        if (_send(call, right)) attestedAt[id][digest] = _now;
    }

    /// @notice Whatever was taken once is taken never again, here or by another registry.
    function replay(uint256 which) external {
        bytes memory call = _taken[which % _taken.length];
        _send(call, false);
        (bool done,) = address(_twin).call(call);
        assert(!done);
    }

    function ghost(bytes32 id) external view returns (Ghost memory) {
        return _ghosts[id];
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function _send(bytes memory call, bool right) private returns (bool done) {
        (done,) = address(registry).call(call);
        assert(done == right);
        if (done) _taken.push(call);
    }

    function _some(uint8 which) private view returns (bytes32 id, Ghost storage g) {
        id = ids[which % ids.length];
        g = _ghosts[id];
    }

    function _key(uint8 who) private pure returns (uint256) {
        return 1 + who % _KEYS;
    }

    /// @dev Half of the time the one who may.
    function _signer(uint8 who, uint256 rightful) private pure returns (uint256) {
        return who < 128 ? rightful : _key(who);
    }

    function _nonce(uint8 slip, Ghost storage g) private view returns (uint64 nonce) {
        nonce = g.rotations + g.bumps;
        if (slip == 0) nonce = nonce == 0 ? type(uint64).max : nonce - 1;
        if (slip == 1) ++nonce;
    }

    function _deadline(uint8 slip) private view returns (uint64) {
        return uint64(slip == 2 ? _now - 1 : _now);
    }

    function _digest(uint8 slip, bytes32 message) private view returns (bytes32) {
        uint256 chain = slip == 3 ? block.chainid + 1 : block.chainid;
        return Messages.digest(chain, slip == 4 ? address(_twin) : address(registry), message);
    }
}
