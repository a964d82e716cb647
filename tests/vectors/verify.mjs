// Judges every vector by a reading of docs/spec that uses none of our code: node tests/vectors/verify.mjs [FOLDER]
//
// Prints one line for each case that it judges otherwise, and what it judged. Exit 0 if it agrees on every case.
import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Refused } from "./verify/refused.mjs";
import { canonical } from "./verify/json.mjs";

const PARTS = ["texts", "jose", "age", "keys", "accounts", "signed", "scenarios", "credentials", "shows", "logs", "heads", "evidence", "parcels", "requests", "trust", "windows", "recoveries", "shares"];
const folder = process.argv[2] ? pathToFileURL(process.argv[2] + "/") : new URL("golden/", import.meta.url);
const judges = {};
for (const part of PARTS) Object.assign(judges, (await import(`./verify/${part}.mjs`)).judges);

async function judged(judge, input) {
  try {
    return { expect: "accepted", result: (await judge(input)) ?? null };
  } catch (error) {
    if (error instanceof Refused) return { expect: error.expect, why: error.message };
    return { expect: "a fault of the verifier", why: error.stack };
  }
}

function disagreement(one, found) {
  if (found.expect !== one.expect) return `expected ${one.expect}, found ${found.why ?? found.expect}`;
  if (one.expect !== "accepted" || canonical(found.result) === canonical(one.result)) return null;
  return `expected ${canonical(one.result)}, read ${canonical(found.result)}`;
}

let cases = 0, disagreed = 0;
const files = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
for (const name of files) {
  const file = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
  for (const one of file.cases) {
    const judge = judges[file.structure] ?? (() => { throw new Error("no judge for this structure"); });
    const wrong = disagreement(one, await judged(judge, one.input));
    cases++;
    if (wrong === null) continue;
    disagreed++;
    console.log(`${file.structure}: ${one.name}: ${wrong}`);
  }
}
console.log(`${cases} cases of ${files.length} structures: ${disagreed ? `${disagreed} judged otherwise` : "all judged alike"}`);
process.exitCode = disagreed ? 1 : 0;
