// Prints ABI and bytecode of the contracts that bench/rows/gas.py deploys beside ours, as their packages ship them.
const eas = (name) =>
  require(`@ethereum-attestation-service/eas-contracts/artifacts/contracts/${name}.sol/${name}.json`);
const { DocumentStore__factory: Store } = require(
  "@govtechsg/document-store/dist/contracts/factories/contracts/DocumentStore__factory.js",
);
const { version: storeVersion } = require("@govtechsg/document-store/package.json");
const { version: easVersion } = require("@ethereum-attestation-service/eas-contracts/package.json");

const found = { DocumentStore: { abi: Store.abi, bytecode: Store.bytecode } };
for (const name of ["SchemaRegistry", "EAS"]) found[name] = { abi: eas(name).abi, bytecode: eas(name).bytecode };
process.stdout.write(JSON.stringify({ versions: { eas: easVersion, store: storeVersion }, contracts: found }));
