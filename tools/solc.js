// npm's solc, speaking as the native compiler does to py-solc-x and forge.
//
//   solc --version
//   solc --standard-json [--base-path DIR] [--include-path DIR]… [--allow-paths DIR,…] [FILE] < input > output
//
// Prints nothing but the version or the JSON answer (raw solcjs prints a notice first). Sources are
// read from `content`, else from `urls`; imports and relative urls are looked up in the base path and
// then in the include paths. A file outside those and the allowed paths is refused, as solc does.
'use strict';

const fs = require('fs');
const path = require('path');

const root = path.join(__dirname, '..');

function options(args) {
  const found = { base: '', include: [], allow: [], mode: '', file: '' };
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = args[i].split(/=(.*)/s);
    const value = () => inline ?? args[++i] ?? fail(`missing value of ${flag}`);
    if (flag === '--version' || flag === '--standard-json') found.mode = flag;
    else if (flag === '--base-path') found.base = value();
    else if (flag === '--include-path') found.include.push(value());
    else if (flag === '--allow-paths') found.allow.push(...value().split(',').filter(Boolean));
    else if (!flag.startsWith('-')) found.file = args[i];
    else fail(`unrecognised option '${flag}'`);
  }
  return found;
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function reader({ base, include, allow }) {
  const lookup = [base || '.', ...include].map((dir) => fs.realpathSync(dir));
  const allowed = [...lookup, ...allow.filter((dir) => fs.existsSync(dir)).map((dir) => fs.realpathSync(dir))];
  const inside = (file) => allowed.some((dir) => file === dir || file.startsWith(dir + path.sep));
  return (name) => {
    const bare = name.replace(/^file:\/\//, '');
    for (const dir of lookup) {
      const file = path.resolve(dir, bare);
      if (!fs.existsSync(file)) continue;
      const real = fs.realpathSync(file);
      if (!inside(real)) return { error: `File outside of allowed directories: ${name}` };
      return { contents: fs.readFileSync(real, 'utf8') };
    }
    return { error: `File not found: ${name}` };
  };
}

function inline(sources, read) {
  for (const [name, source] of Object.entries(sources ?? {})) {
    if (source.content !== undefined || !Array.isArray(source.urls)) continue;
    const answers = source.urls.map(read);
    const good = answers.find((answer) => answer.contents !== undefined);
    if (!good) fail(`${name}: ${answers.map((answer) => answer.error).join('; ')}`);
    source.content = good.contents;
    delete source.urls;
  }
}

function main() {
  const asked = options(process.argv.slice(2));
  if (!asked.mode) fail('expected --version or --standard-json');
  const solc = require(path.join(root, 'node_modules', 'solc'));
  if (asked.mode === '--version') {
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
    return;
  }
  const input = JSON.parse(fs.readFileSync(asked.file || 0, 'utf8'));
  const read = reader(asked);
  inline(input.sources, read);
  process.stdout.write(`${solc.compile(JSON.stringify(input), { import: read })}\n`);
}

try {
  main();
} catch (error) {
  fail(String(error.message ?? error));
}
