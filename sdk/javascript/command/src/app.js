// The step: a program with arguments, standard output and standard error. `wasi:cli/run` is exported as the object `run`.
//
// A program that throws fails with exit code 1: WASI 0.2 has no other.

import { getArguments } from 'wasi:cli/environment@0.2.12';
import { list, read, write } from './files.js';
import { linesWith, utf8 } from './find.js';

export const run = {
  run() {
    const [path, marker = 'TODO', ...more] = getArguments().slice(1);
    if (path === undefined || more.length > 0) {
      fail('usage: {{name}} PATH [MARKER]');
    }
    if (marker === '') {
      fail('error: the marker is empty');
    }
    const total = { files: 0, bytes: 0, lines: [] };
    search(path, marker, total);

    const out = '/out/findings.txt';
    attempt(`error: cannot write ${out}`, () => write(out, utf8(total.lines.join(''))));
    console.log(JSON.stringify({ files: total.files, bytes: total.bytes, findings: total.lines.length }));
  },
};

// Goes through a folder, depth first, in the order in which the host lists it: sorted, the same on every machine.
function search(folder, marker, total) {
  for (const { name, type } of attempt(`error: cannot read ${folder}`, () => list(folder))) {
    const path = `${folder}/${name}`;
    if (type === 'directory') {
      search(path, marker, total);
    } else if (type === 'regular-file') {
      const bytes = attempt(`error: cannot read ${path}`, () => read(path));
      total.files += 1;
      total.bytes += bytes.length;
      for (const line of linesWith(bytes, utf8(marker))) {
        total.lines.push(`${path}:${line}\n`);
        console.log(`${path}:${line}: found ${marker}`);
      }
    }
  }
}

// Does `work`; whatever goes wrong in it ends the program with `text` on standard error.
function attempt(text, work) {
  try {
    return work();
  } catch {
    fail(text);
  }
}

function fail(text) {
  console.error(text);
  throw text;
}
