// Files, by way of `wasi:filesystem`: there is no `node:fs` in a component. Paths are absolute, as the step's mounts are.

import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';

// The names and types of what is in the folder `path`: `directory`, `regular-file`, `symbolic-link` and others.
export function list(path) {
  return using(open(path, { directory: true }, { read: true }), (folder) =>
    using(folder.readDirectory(), (entries) => {
      const found = [];
      for (let entry; (entry = entries.readDirectoryEntry()); ) {
        found.push({ name: entry.name, type: entry.type });
      }
      return found;
    }),
  );
}

// All bytes of the file `path`.
export function read(path) {
  return using(open(path, {}, { read: true }), (file) => {
    const chunks = [];
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
export function write(path, bytes) {
  using(open(path, { create: true, truncate: true }, { write: true }), (file) => {
    for (let at = 0; at < bytes.length; ) {
      at += Number(file.write(bytes.subarray(at, at + (1 << 20)), BigInt(at)));
    }
  });
}

// A step has one preopened folder, the root. It is asked for when the step runs: while it is built there is no host to ask.
let root;

function open(path, openFlags, descriptorFlags) {
  root ??= getDirectories()[0][0];
  const inside = path.replace(/^\/+/, '') || '.';
  return root.openAt({ symlinkFollow: true }, inside, openFlags, descriptorFlags);
}

// Hands `resource` to `work` and gives it back to the host afterwards, whatever happened.
function using(resource, work) {
  try {
    return work(resource);
  } finally {
    resource[Symbol.dispose]();
  }
}
