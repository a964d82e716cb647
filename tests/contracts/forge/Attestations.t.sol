// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDossierRegistry} from "../../../contracts/src/interfaces/IDossierRegistry.sol";
import {IKeyCards} from "../../../contracts/src/interfaces/IKeyCards.sol";
import {OddAccount, TwoOfTwo} from "../solidity/Accounts.sol";
import {DossierFixture} from "./DossierFixture.sol";
import {Messages} from "./Messages.sol";
import {vm} from "./Vm.sol";

contract AttestationsTest is DossierFixture {
    function testFuzz_a_digest_is_attested_once_by_the_controller(uint256 thief, bytes32 digest, uint32 later)
        external
    {
        thief = _otherKey(thief) == _CONTROLLER ? _OWNER : _otherKey(thief);
        bytes memory forged = Messages.sign(thief, digest);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, digest));
        _registry.attest(_id, digest, forged);
        uint64 time = _time();
        _registry.attest(_id, digest, Messages.sign(_CONTROLLER, digest));
        vm.warp(time + later);
        bytes memory again = Messages.sign(_CONTROLLER, digest);
        vm.expectRevert(abi.encodeWithSelector(IDossierRegistry.AlreadyAttested.selector, _id, digest, time));
        _registry.attest(_id, digest, again);
        assert(_registry.attestedAt(_id, digest) == time);
    }

    function testFuzz_an_account_with_code_answers_exactly(bytes calldata answer, bytes32 digest) external {
        bool right = answer.length >= 32 && bytes32(answer) == bytes32(bytes4(0x1626ba7e));
        bytes32 id = _open(address(new OddAccount(answer, false)), "odd");
        if (!right) vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, digest));
        _registry.attest(id, digest, "");
        bytes memory good = abi.encodePacked(bytes4(0x1626ba7e), bytes28(0), answer);
        _registry.attest(_open(address(new OddAccount(good, false)), "good"), digest, "");
        id = _open(address(new OddAccount(good, true)), "reverting");
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, digest));
        _registry.attest(id, digest, "");
    }

    function testFuzz_a_quorum_needs_both_signatures(bytes32 digest) external {
        bytes32 id = _open(address(new TwoOfTwo(vm.addr(21), vm.addr(22))), "quorum");
        bytes memory first = Messages.sign(21, digest);
        vm.expectRevert(abi.encodeWithSelector(IKeyCards.SignatureInvalid.selector, digest));
        _registry.attest(id, digest, first);
        _registry.attest(id, digest, bytes.concat(first, Messages.sign(22, digest)));
    }
}
