// Files, by way of `wasi:filesystem`: there is no `node:fs` in a component. Paths are absolute, as the step's mounts are.

import { getDirectories, type Descriptor } from 'wasi:filesystem/preopens@0.2.12';
import type { DescriptorFlags, DirectoryEntry, OpenFlags } from 'wasi:filesystem/types@0.2.12';

// The names and types of what is in the folder `path`: `directory`, `regular-file`, `symbolic-link` and others.
export function list(path: string): DirectoryEntry[] {
  return using(open(path, { directory: true }, { read: true }), (folder) =>
    using(folder.readDirectory(), (entries) => {
      const found: DirectoryEntry[] = [];
      for (let entry; (entry = entries.readDirectoryEntry()); ) {
        found.push(entry);
      }
      return found;
    }),
  );
}

// All bytes of the file `path`.
export function read(path: string): Uint8Array {
  return using(open(path, {}, { read: true }), (file) => {
    const chunks: Uint8Array[] = [];
    let length = 0n;
    for (let end = false; !end; ) {
      const [chunk, last] = file.read(1n << 20n, length);
      chunks.push(chunk);
      length += BigInt(chunk.length);
      end = last;
    }
    const bytes = new Uint8Array(Number(length));
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  });
}

// Makes the file `path`, or empties it, and writes `bytes` to it.
export function write(path: string, bytes: Uint8Array): void {
  using(open(path, { create: true, truncate: true }, { write: true }), (file) => {
    for (let at = 0; at < bytes.length; ) {
      at += Number(file.write(bytes.subarray(at, at + (1 << 20)), BigInt(at)));
    }
  });
}

// A step has one preopened folder, the root. It is asked for when the step runs: while it is built there is no host to ask.
let root: Descriptor | undefined;

function open(path: string, openFlags: OpenFlags, descriptorFlags: DescriptorFlags): Descriptor {
  root ??= getDirectories()[0]![0];
  const inside = path.replace(/^\/+/, '') || '.';
  return root.openAt({ symlinkFollow: true }, inside, openFlags, descriptorFlags);
}

// Hands `resource` to `work` and gives it back to the host afterwards, whatever happened.
function using<R extends { [Symbol.dispose](): void }, T>(resource: R, work: (resource: R) => T): T {
  try {
    return work(resource);
  } finally {
    resource[Symbol.dispose]();
  }
}
