// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRfc9162} from "../../../contracts/src/interfaces/IRfc9162.sol";
import {ProofHarness} from "../solidity/ProofHarness.sol";
import {Trees} from "./Trees.sol";
import {vm} from "./Vm.sol";

contract Rfc9162Test {
    ProofHarness private _harness = new ProofHarness();

    function testFuzz_honest_heads_are_consistent(uint256 seed, uint64 m, uint64 n) external view {
        n = 2 + n % 60;
        m = 1 + m % (n - 1);
        _harness.consistency(_case(seed, m, n));
    }

    function testFuzz_a_head_over_other_leaves_is_refused(uint256 seed, uint256 other, uint64 m, uint64 n) external {
        vm.assume(seed != other);
        n = 2 + n % 40;
        m = 1 + m % (n - 1);
        ProofHarness.Consistency memory c = _case(seed, m, n);
        c.firstRoot = Trees.root(other, m);
        _mustRefuse(c);
        c = _case(other, m, n);
        c.firstRoot = Trees.root(seed, m);
        _mustRefuse(c);
    }

    function testFuzz_any_changed_bit_is_refused(uint256 seed, uint64 m, uint64 n, uint256 place) external view {
        n = 2 + n % 40;
        m = 1 + m % (n - 1);
        bytes32 bit = bytes32(1 << (place & 0xff));
        ProofHarness.Consistency memory c = _case(seed, m, n);
        c.proof[(place >> 8) % c.proof.length] ^= bit;
        _mustRefuse(c);
        c = _case(seed, m, n);
        c.firstRoot ^= bit;
        _mustRefuse(c);
        (c.firstRoot, c.secondRoot) = (c.firstRoot ^ bit, c.secondRoot ^ bit);
        _mustRefuse(c);
    }

    function testFuzz_random_proofs_are_refused_and_end(
        uint64 m,
        uint64 n,
        bytes32 first,
        bytes32 second,
        bytes32[] calldata proof
    ) external {
        vm.assume(m != n || first != second || proof.length != 0);
        _mustRefuse(ProofHarness.Consistency(m, first, n, second, proof));
    }

    function testFuzz_a_proof_that_is_too_short_or_too_long_is_refused(uint256 seed, uint64 m, uint64 n, bytes32 more)
        external
    {
        n = 2 + n % 40;
        m = 1 + m % (n - 1);
        ProofHarness.Consistency memory c = _case(seed, m, n);
        bytes32[] memory proof = c.proof;
        for (uint256 length = 0; length < proof.length + 3; ++length) {
            if (length == proof.length) continue;
            c.proof = new bytes32[](length);
            for (uint256 i = 0; i < length; ++i) c.proof[i] = i < proof.length ? proof[i] : more;
            vm.expectRevert(abi.encodeWithSelector(IRfc9162.ProofLengthInvalid.selector, m, n, length));
            _harness.consistency(c);
        }
    }

    function testFuzz_the_same_head_is_consistent_with_itself_alone(uint64 n, bytes32 root, bytes32 other) external {
        vm.assume(n != 0 && root != other);
        ProofHarness.Consistency memory c = ProofHarness.Consistency(n, root, n, root, new bytes32[](0));
        _harness.consistency(c);
        c.firstRoot = other;
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.FirstRootInvalid.selector, root, other));
        _harness.consistency(c);
        (c.firstRoot, c.proof) = (root, new bytes32[](1));
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.ProofLengthInvalid.selector, n, n, 1));
        _harness.consistency(c);
    }

    function testFuzz_no_tree_extends_a_larger_one_or_the_empty_one(uint64 m, uint64 n, bytes32 root) external {
        if (m <= n) m = 0;
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.SizesInvalid.selector, m, n));
        _harness.consistency(ProofHarness.Consistency(m, root, n, root, new bytes32[](0)));
    }

    function testFuzz_entries_are_included_where_they_are_and_nowhere_else(uint256 seed, uint64 i, uint64 j, uint64 n)
        external
        view
    {
        n = 1 + n % 60;
        i %= n;
        j %= n;
        bytes32[] memory proof = Trees.inclusion(seed, i, 0, n);
        bytes32 leaf = _harness.leaf(Trees.entry(seed, i));
        assert(leaf == Trees.leaf(seed, i));
        try _harness.inclusion(ProofHarness.Inclusion(leaf, j, n, Trees.root(seed, n), proof)) {
            assert(i == j);
        } catch {
            assert(i != j);
        }
    }

    function testFuzz_an_inclusion_proof_of_another_length_is_refused(uint256 seed, uint64 i, uint64 n) external {
        n = 1 + n % 40;
        i %= n;
        ProofHarness.Inclusion memory c =
            ProofHarness.Inclusion(Trees.leaf(seed, i), i, n, Trees.root(seed, n), Trees.inclusion(seed, i, 0, n));
        uint256 right = c.proof.length;
        for (uint256 length = 0; length < right + 3; ++length) {
            if (length == right) continue;
            c.proof = new bytes32[](length);
            vm.expectRevert(abi.encodeWithSelector(IRfc9162.ProofLengthInvalid.selector, i, n, length));
            _harness.inclusion(c);
        }
    }

    function testFuzz_no_entry_lies_outside_the_tree(uint64 i, uint64 n, bytes32 leaf) external {
        if (i < n) (i, n) = (n, i);
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.IndexOutsideTree.selector, i, n));
        _harness.inclusion(ProofHarness.Inclusion(leaf, i, n, leaf, new bytes32[](0)));
    }

    function test_a_chain_without_the_precompile_is_noticed() external {
        _answerWith("");
        _answerWith(new bytes(31));
        _answerWith(new bytes(33));
        vm.mockCallRevert(address(2), "", new bytes(32));
        _mustNotice();
        vm.clearMockedCalls();
        _harness.consistency(_case(1, 3, 7));
    }

    function _answerWith(bytes memory answer) private {
        ProofHarness.Consistency memory c = _case(1, 3, 7);
        vm.mockCall(address(2), "", answer);
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.Sha256Unavailable.selector));
        _harness.consistency(c);
        _mustNotice();
        vm.clearMockedCalls();
    }

    function _mustNotice() private {
        vm.expectRevert(abi.encodeWithSelector(IRfc9162.Sha256Unavailable.selector));
        _harness.leaf("entry");
    }

    function _case(uint256 seed, uint64 m, uint64 n) private pure returns (ProofHarness.Consistency memory) {
        return ProofHarness.Consistency(m, Trees.root(seed, m), n, Trees.root(seed, n), Trees.consistency(seed, m, n));
    }

    function _mustRefuse(ProofHarness.Consistency memory c) private view {
        try _harness.consistency(c) {
            assert(false);
        } catch {}
    }
}
