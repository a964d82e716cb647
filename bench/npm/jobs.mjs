// What the programs of others do here, each as they recommend it.
import { SimpleMerkleTree, StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { verifyTypedData } from "ethers";

const leaf = (i) => "0x" + i.toString(16).padStart(64, "0");
const leaves = (count) => Array.from({ length: count }, (_, i) => leaf(i));

export const jobs = {
  // The signer's address of one EIP-712 message.
  verify: ({ domain, types, message, signature }) => () => verifyTypedData(domain, types, message, signature),

  // A tree over `size` hashes in their order: one hash for each inner node, none for a leaf.
  simple: ({ size }) => {
    const values = leaves(size);
    return () => SimpleMerkleTree.of(values, { sortLeaves: false }).root;
  },

  // The tree that its documentation recommends: each leaf is ABI-encoded and hashed twice first.
  standard: ({ size }) => {
    const values = leaves(size).map((value) => [value]);
    return () => StandardMerkleTree.of(values, ["bytes32"], { sortLeaves: false }).root;
  },
};
