// Signs, hashes and recovers EIP-712 messages with programs that are not ours.
// In: JSON lines {data, key, signature} on standard input, where data is what eth_signTypedData_v4 takes.
// Out: JSON lines {metamask: {digest, signature, signer}, ethers: {digest, signer}}.
const sigUtil = require('@metamask/eth-sig-util');
const { TypedDataEncoder, verifyTypedData } = require('ethers');

const hex = (bytes) => '0x' + Buffer.from(bytes).toString('hex');

function answer({ data, key, signature }) {
  const version = sigUtil.SignTypedDataVersion.V4;
  const { EIP712Domain, ...types } = data.types;
  return {
    metamask: {
      digest: hex(sigUtil.TypedDataUtils.eip712Hash(data, version)),
      signature: sigUtil.signTypedData({ privateKey: Buffer.from(key, 'hex'), data, version }),
      signer: sigUtil.recoverTypedSignature({ data, signature, version }),
    },
    ethers: {
      digest: TypedDataEncoder.hash(data.domain, types, data.message),
      signer: verifyTypedData(data.domain, types, data.message, signature).toLowerCase(),
    },
  };
}

const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
process.stdout.write(lines.map((line) => JSON.stringify(answer(JSON.parse(line)))).join('\n') + '\n');
