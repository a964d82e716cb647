// The age test kit (npm's cctv-age) on standard output: {name of the vector: its bytes in base64}.
import * as kit from "cctv-age";

const vectors = kit["module.exports"] ?? kit.default ?? kit;
const rows = Object.entries(vectors).map(([name, raw]) => [name, Buffer.from(raw).toString("base64")]);
process.stdout.write(JSON.stringify(Object.fromEntries(rows)));
