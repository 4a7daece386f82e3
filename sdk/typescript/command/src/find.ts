// The part of the step that needs no host: `npm test` runs it in Node.

// The numbers, from 1, of the lines that contain the bytes `marker`. A line ends with "\n", or where the bytes end.
export function linesWith(bytes: Uint8Array, marker: Uint8Array): number[] {
  const found: number[] = [];
  for (let start = 0, line = 1; start < bytes.length; line += 1) {
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline;
    if (contains(bytes.subarray(start, end), marker)) {
      found.push(line);
    }
    start = end + 1;
  }
  return found;
}

function contains(line: Uint8Array, marker: Uint8Array): boolean {
  for (let at = line.indexOf(marker[0]!); at >= 0; at = line.indexOf(marker[0]!, at + 1)) {
    if (marker.every((byte, index) => line[at + index] === byte)) {
      return true;
    }
  }
  return false;
}

// The bytes of a text.
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
