// Makes a component of JavaScript with componentize-js, the same bytes in every folder and on every day. Run by `airtight build`:
//
//   node componentize.mjs COMPONENTIZE-JS SOURCE WIT WORLD OUTPUT [DISABLED-FEATURE…]
//
// The engine runs once, while the step is built, and its memory becomes the component's ("wizer"). What it learns of the machine on the way
// is then in the component: random numbers, the time, the name of a temporary folder. So the engine is given other ones, always the same:
// - `random_get` is a function of the engine's own while the step is built; afterwards it asks the host, as it would have;
// - `clock_time_get` is one that says nothing new;
// - folders have fixed names, and no variables of the environment but the tool's own come in.
// An engine that is not built as expected is left alone: the component is right, but each build is another one.

import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HOST = 'wasi_snapshot_preview1';
const FIXED = 'wasi_snapshot_previewF';
const CLOCK = '(module (func (export "clock_time_get") (param i32 i64 i32) (result i32) i32.const 0))';
// While the step is built, the engine's `random_get` has this constant in a condition; it becomes zero afterwards.
const BUILDING = [0x41, 0xdb, 0x9c, 0xf6, 0xcd, 0x03];
const BUILT = [0x41, 0x80, 0x80, 0x80, 0x80, 0x00];

const [command, ...args] = process.argv.slice(2);
if (command === 'wizer') {
  process.exitCode = wizer(...args);
} else {
  await componentize(command, ...args);
}

async function componentize(program, source, wit, world, output, ...disableFeatures) {
  const cli = realpathSync(program);
  const folder = dirname(output);
  const options = { sourcePath: source, witPath: wit, worldName: world, disableFeatures };
  try {
    const engine = fixedEngine(readFileSync(join(dirname(cli), '../lib/starlingmonkey_embedding.wasm')));
    if (engine && process.platform !== 'win32') {
      options.engine = join(folder, 'engine.wasm');
      writeFileSync(options.engine, engine);
      options.wizerBin = join(folder, 'wizer.sh');
      const words = [process.execPath, fileURLToPath(import.meta.url), 'wizer', await ownWizer(cli), folder];
      writeFileSync(options.wizerBin, `#!/bin/sh\nexec ${words.map(quoted).join(' ')} "$@"\n`);
      chmodSync(options.wizerBin, 0o755);
    }
    const tool = await import(pathToFileURL(join(dirname(cli), 'componentize.js')));
    const { component } = await tool.componentize(options);
    writeFileSync(output, options.engine ? settled(Buffer.from(component)) : component);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

async function ownWizer(cli) {
  const found = createRequire(cli).resolve('@bytecodealliance/wizer');
  return (await import(pathToFileURL(found))).default;
}

function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

// In place of the program `wizer`: starts it with fixed names of folders and the fixed clock.
function wizer(program, folder, ...args) {
  const clock = join(folder, 'clock.wat');
  writeFileSync(clock, CLOCK);
  const [, initializer, source] = /^--initializer-script-path (.*) --strip-path-prefix .* (\S+)$/.exec(readFileSync(0, 'utf8'));
  const sources = dirname(initializer);
  const module = args.at(-1);
  const output = args.find((arg) => arg.startsWith('-o=')).slice('-o='.length);
  renameClock(module, HOST, FIXED);
  const mapped = args.map((arg) => (arg === `--dir=${sources}` ? `--mapdir=/initializer::${sources}` : arg));
  const own = ([name]) => /^(DEBUG|SOURCE_NAME|FEATURE_CLOCKS|(EX|IM)PORT\w+)$/.test(name);
  const { status, error } = spawnSync(program, ['--preload', `${FIXED}=${clock}`, ...mapped], {
    input: `--initializer-script-path /initializer/initializer.js --strip-path-prefix /step/ ${source}`,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: Object.fromEntries(Object.entries(process.env).filter(own)),
  });
  if (error) {
    console.error(error.message);
  }
  if (status === 0) {
    renameClock(output, FIXED, HOST);
  }
  return status ?? 1;
}

function renameClock(file, from, to) {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(Buffer.concat([name(from), name('clock_time_get')]));
  if (at < 0) {
    throw new Error('the engine does not import a clock');
  }
  bytes.write(to, at + 1);
  writeFileSync(file, bytes);
}

// The engine with a `random_get` of its own. It imports that one last, so that a first function of its own takes its index.
function fixedEngine(engine) {
  const sections = split(engine);
  const [imports, functions, globals, code] = [2, 3, 6, 10].map((id) => sections.find((section) => section.id === id));
  const found = functionImports(imports.body);
  const last = found.at(-1);
  const random = found.findIndex(({ module, field }) => module.startsWith('wasi:random/random@') && field === 'get-random-u64');
  if (last.module !== HOST || last.field !== 'random_get' || last.end !== imports.body.length || random < 0) {
    return undefined;
  }
  const [importCount, firstImport] = number(imports.body, 0);
  imports.body = Buffer.concat([leb(importCount - 1), imports.body.subarray(firstImport, last.start)]);
  functions.body = prepended(functions.body, leb(last.type));
  const [state, firstGlobal] = number(globals.body, 0);
  globals.body = Buffer.concat([leb(state + 1), globals.body.subarray(firstGlobal), Buffer.from([0x7e, 1, 0x42, 1, 0x0b])]);
  const body = randomGet(leb(state), leb(random));
  code.body = prepended(code.body, Buffer.concat([leb(body.length), body]));
  return Buffer.concat([engine.subarray(0, 8), ...sections.flatMap(({ id, body }) => [Buffer.from([id]), leb(body.length), body])]);
}

// (param $pointer i32) (param $length i32) (result i32) (local $at i32): while building, bytes of a linear congruential generator.
function randomGet(state, hostRandom) {
  const [pointer, length, at] = [0, 1, 2];
  return Buffer.from([
    ...[1, 1, 0x7f, 0x03, 0x40], // a local i32; loop
    ...[0x20, at, 0x20, length, 0x49, 0x04, 0x40], // $at < $length: if
    ...[0x20, pointer, 0x20, at, 0x6a], // $pointer + $at
    ...[...BUILDING, 0x04, 0x7e], // if building, an i64:
    ...[0x23, ...state, 0x42, ...signed(6364136223846793005n), 0x7e, 0x42, ...signed(1442695040888963407n), 0x7c],
    ...[0x24, ...state, 0x23, ...state], // $state = $state * a + c
    ...[0x05, 0x10, ...hostRandom, 0x0b], // else the host's
    ...[0x42, 56, 0x88, 0xa7, 0x3a, 0, 0], // its highest byte, stored
    ...[0x20, at, 0x41, 1, 0x6a, 0x21, at, 0x0c, 1, 0x0b, 0x0b], // $at + 1, again
    ...[0x41, 0, 0x0b], // success
  ]);
}

// The component as it runs: `random_get` asks the host.
function settled(component) {
  const at = component.indexOf(Buffer.from(BUILDING));
  if (at < 0 || component.indexOf(Buffer.from(BUILDING), at + 1) >= 0) {
    throw new Error('the engine of the component is not the one that it was built with');
  }
  Buffer.from(BUILT).copy(component, at);
  return component;
}

// Of WebAssembly's binary format as much as is needed.

function split(module) {
  const sections = [];
  for (let at = 8; at < module.length; ) {
    const [size, start] = number(module, at + 1);
    sections.push({ id: module[at], body: module.subarray(start, start + size) });
    at = start + size;
  }
  return sections;
}

// The imports up to the first that is no function, with their places.
function functionImports(body) {
  const found = [];
  let [count, start] = number(body, 0);
  for (; count > 0; count -= 1) {
    const [module, afterModule] = text(body, start);
    const [field, afterField] = text(body, afterModule);
    if (body[afterField] !== 0) {
      break;
    }
    const [type, end] = number(body, afterField + 1);
    found.push({ module, field, type, start, end });
    start = end;
  }
  return found;
}

function prepended(vector, item) {
  const [count, first] = number(vector, 0);
  return Buffer.concat([leb(count + 1), item, vector.subarray(first)]);
}

function name(text) {
  return Buffer.concat([leb(text.length), Buffer.from(text)]);
}

function text(bytes, at) {
  const [length, start] = number(bytes, at);
  return [bytes.toString('utf8', start, start + length), start + length];
}

function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (!(byte & 0x80)) {
      return [value, at];
    }
  }
}

function leb(value) {
  const bytes = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) {
    bytes.push((value & 0x7f) | 0x80);
  }
  return Buffer.from([...bytes, value]);
}

function signed(value) {
  const bytes = [];
  for (;;) {
    const byte = Number(value & 0x7fn);
    value >>= 7n;
    if ((value === 0n && !(byte & 0x40)) || (value === -1n && byte & 0x40)) {
      return [...bytes, byte];
    }
    bytes.push(byte | 0x80);
  }
}
