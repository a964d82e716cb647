// Speaks with bench/node.py: one JSON line in, one JSON line out. Each job is made ready once and then timed.
//
//   {"make": "verify", "input": {…}}   → {"ready": "…"}       what one call of it answers, to compare with ours
//   {"run": "verify", "count": 100}    → {"wall": …, "cpu": …} seconds that so many calls took
import { createInterface } from "node:readline";
import { jobs } from "./jobs.mjs";

const made = new Map();

async function answer(order) {
  if (order.make) {
    const call = jobs[order.make](order.input);
    made.set(order.make, call);
    return { ready: String(await call()) };
  }
  const call = made.get(order.run);
  if (globalThis.gc) globalThis.gc();
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < order.count; i++) call();
  const wall = (performance.now() - start) / 1e3;
  const used = process.cpuUsage(cpu);
  return { wall, cpu: (used.user + used.system) / 1e6 };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
