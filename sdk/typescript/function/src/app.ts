// The step: what wit/step.wit exports is exported here, under the same name in camel case.
//
// WebAssembly's strings, lists and records are JavaScript's; a `u64` is a bigint. To fail, throw the text of the error.

import { log } from 'airtight:step/log@0.1.0';
import { addFinding } from 'airtight:step/report@0.1.0';
import type { Summary } from 'local:{{name}}/step@0.1.0';
import { list, read, write } from './files';
import { linesWith, utf8 } from './find';

interface Total {
  files: number;
  bytes: number;
  lines: string[];
}

export function run(path: string, marker: string = 'TODO'): Summary {
  if (marker === '') {
    throw 'the marker is empty';
  }
  const total: Total = { files: 0, bytes: 0, lines: [] };
  search(path, marker, total);

  const out = '/out/findings.txt';
  attempt(`cannot write ${out}`, () => write(out, utf8(total.lines.join(''))));
  log('info', `${total.lines.length} findings in ${total.files} files`, []);
  return { files: total.files, bytes: BigInt(total.bytes), findings: total.lines.length };
}

// Goes through a folder, depth first, in the order in which the host lists it: sorted, the same on every machine.
function search(folder: string, marker: string, total: Total): void {
  for (const { name, type } of attempt(`cannot read ${folder}`, () => list(folder))) {
    const path = `${folder}/${name}`;
    if (type === 'directory') {
      search(path, marker, total);
    } else if (type === 'regular-file') {
      const bytes = attempt(`cannot read ${path}`, () => read(path));
      total.files += 1;
      total.bytes += bytes.length;
      for (const line of linesWith(bytes, utf8(marker))) {
        total.lines.push(`${path}:${line}\n`);
        addFinding({ rule: 'marker', severity: 'warning', message: `found ${marker}`, location: { path, line } });
      }
    }
  }
}

// Does `work`; whatever goes wrong in it fails the step with `text`.
function attempt<T>(text: string, work: () => T): T {
  try {
    return work();
  } catch {
    throw text;
  }
}
