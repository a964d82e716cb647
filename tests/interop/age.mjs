// age-encryption on standard streams: node age.mjs encrypt|decrypt recipient|identity|passphrase VALUE…
import { readFileSync, writeSync } from "node:fs";
import { Decrypter, Encrypter } from "age-encryption";

const [direction, kind, ...values] = process.argv.slice(2);
const input = new Uint8Array(readFileSync(0));
let output;
if (direction === "encrypt") {
  const encrypter = new Encrypter();
  if (kind === "passphrase") {
    encrypter.setScryptWorkFactor(10);
    encrypter.setPassphrase(values[0]);
  } else {
    for (const value of values) encrypter.addRecipient(value);
  }
  output = await encrypter.encrypt(input);
} else {
  const decrypter = new Decrypter();
  for (const value of values) {
    if (kind === "passphrase") decrypter.addPassphrase(value);
    else decrypter.addIdentity(value);
  }
  output = await decrypter.decrypt(input, "uint8array");
}
for (let done = 0; done < output.length; ) done += writeSync(1, output, done);
