// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {DossierFixture} from "./DossierFixture.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

contract DossierRegistryTest is DossierFixture {
    function testFuzz_a_dossier_opens_once_whoever_its_controller(address controller) external {
        vm.assume(controller != address(0));
        IDossierRegistry.OpenDossier memory m =
            IDossierRegistry.OpenDossier(vm.addr(_OWNER), controller, "salt", _time());
        IKeyCards.KeyCard memory card = _first(_id);
        vm.expectRevert(abi.encodeWithSelector(IDossierRegistry.DossierExists.selector, _id));
        _registry.open(m, _sign(_OWNER, Messages.hash(m)), card, _sign(_OWNER, Messages.hash(card)));
    }

    function testFuzz_only_the_owner_opens(uint256 thief, bytes32 salt, address controller) external {
        thief = _otherKey(thief);
        vm.assume(salt != "salt" && controller != address(0));
        IDossierRegistry.OpenDossier memory m =
            IDossierRegistry.OpenDossier(vm.addr(_OWNER), controller, salt, _time());
        bytes32 id = _registry.dossierId(m.owner, salt);
        IKeyCards.KeyCard memory card = _first(id);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(Messages.hash(m))));
        _registry.open(m, _sign(thief, Messages.hash(m)), card, _sign(_OWNER, Messages.hash(card)));
        bytes32 subject = keccak256(abi.encode(id));
        card.subject = subject;
        vm.expectRevert(abi.encodeWithSelector(IDossierRegistry.CardSubjectInvalid.selector, id, subject));
        _registry.open(m, _sign(_OWNER, Messages.hash(m)), card, _sign(_OWNER, Messages.hash(card)));
    }

    function testFuzz_owner_and_controller_are_accounts(uint8 which, bytes32 salt, uint64 deadline) external {
        deadline = _time() + deadline % 1 days;
        address owner = which % 3 == 0 ? vm.addr(_OWNER) : address(0);
        address controller = which % 3 == 1 ? vm.addr(_CONTROLLER) : address(0);
        IDossierRegistry.OpenDossier memory m = IDossierRegistry.OpenDossier(owner, controller, salt, deadline);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.AccountMissing.selector));
        _registry.open(m, "", _first(_id), "");
        IDossierRegistry.RotateDossier memory r =
            IDossierRegistry.RotateDossier(_id, owner, controller, 0, deadline);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.AccountMissing.selector));
        _registry.rotate(r, _sign(_OWNER, Messages.hash(r)));
    }

    function testFuzz_a_deadline_is_the_last_second(uint32 later, uint32 time) external {
        uint64 deadline = _time() + time;
        vm.warp(uint256(deadline) + 1 + later);
        bytes memory late =
            abi.encodeWithSelector(IKeyCards.DeadlinePassed.selector, deadline, uint256(deadline) + 1 + later);
        IDossierRegistry.BumpEpoch memory m = IDossierRegistry.BumpEpoch(_id, 0, deadline);
        bytes memory signature = _sign(_OWNER, Messages.hash(m));
        vm.expectRevert(late);
        _registry.bumpEpoch(m, signature);
        vm.expectRevert(late);
        _registry.rotate(IDossierRegistry.RotateDossier(_id, address(1), address(1), 0, deadline), "");
        vm.expectRevert(late);
        _registry.open(IDossierRegistry.OpenDossier(address(1), address(1), "", deadline), "", _first(_id), "");
        vm.warp(deadline);
        _registry.bumpEpoch(m, signature);
        assert(_registry.getDossier(_id).grantEpoch == 2);
    }

    function testFuzz_a_nonce_is_used_in_order(uint64 nonce, bool rotating) external {
        IDossierRegistry.BumpEpoch memory m = IDossierRegistry.BumpEpoch(_id, 0, _time());
        _registry.bumpEpoch(m, _sign(_CONTROLLER, Messages.hash(m)));
        vm.assume(nonce != 1);
        bytes memory refused = abi.encodeWithSelector(IDossierRegistry.NonceInvalid.selector, _id, 1, nonce);
        m.nonce = nonce;
        IDossierRegistry.RotateDossier memory r =
            IDossierRegistry.RotateDossier(_id, address(1), address(1), nonce, _time());
        bytes memory signature = _sign(_OWNER, rotating ? Messages.hash(r) : Messages.hash(m));
        vm.expectRevert(refused);
        if (rotating) _registry.rotate(r, signature);
        else _registry.bumpEpoch(m, signature);
    }

    function testFuzz_only_the_owner_gives_the_dossier_away(uint256 thief, address newOwner, address newController)
        external
    {
        vm.assume(newOwner != address(0) && newController != address(0));
        thief = _otherKey(thief);
        IDossierRegistry.RotateDossier memory m =
            IDossierRegistry.RotateDossier(_id, newOwner, newController, 0, _time());
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(Messages.hash(m))));
        _registry.rotate(m, _sign(thief, Messages.hash(m)));
        _registry.rotate(m, _sign(_OWNER, Messages.hash(m)));
        IDossierRegistry.Dossier memory d = _registry.getDossier(_id);
        assert(d.owner == newOwner && d.controller == newController && d.nonce == 1 && d.grantEpoch == 1);
    }

    /// @dev The same message for another chain, another registry or another dossier is another message.
    function testFuzz_a_signature_holds_for_one_chain_registry_and_dossier(uint64 chain, address other, bytes32 id)
        external
    {
        vm.assume(chain != block.chainid && other != address(_registry) && id != _id);
        IDossierRegistry.BumpEpoch memory m = IDossierRegistry.BumpEpoch(_id, 0, _time());
        bytes32 message = Messages.hash(m);
        bytes32 elsewhere = Messages.hash(IDossierRegistry.BumpEpoch(id, 0, _time()));
        bytes32[3] memory digests = [
            Messages.digest(chain, address(_registry), message),
            Messages.digest(block.chainid, other, message),
            _digest(elsewhere)
        ];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(message)));
            _registry.bumpEpoch(m, Messages.sign(_OWNER, digests[i]));
        }
        bytes memory signature = _sign(_OWNER, message);
        vm.chainId(chain);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _digest(message)));
        _registry.bumpEpoch(m, signature);
    }

    function testFuzz_owner_and_controller_publish_cards_and_nobody_else(uint256 thief) external {
        IKeyCards.KeyCard memory card = _first(_id);
        (card.seq, card.previous) = (2, _registry.hashKeyCard(card));
        uint256 key = _otherKey(thief);
        bytes memory signature = _sign(key, Messages.hash(card));
        bool right = key == _CONTROLLER;
        if (!right) {
            vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, _registry.hashKeyCard(card)));
        }
        _registry.publishCard(card, signature);
        if (!right) _registry.publishCard(card, _sign(_OWNER, Messages.hash(card)));
        assert(_registry.getDossier(_id).cardSeq == 2);
    }

    function testFuzz_an_unknown_dossier_is_refused(bytes32 nowhere) external {
        vm.assume(nowhere != _id);
        vm.expectRevert(abi.encodeWithSelector(IDossierRegistry.DossierUnknown.selector, nowhere));
        _registry.getDossier(nowhere);
    }
}
