import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesWith, utf8 } from '../src/find.js';

const found = (text, marker) => linesWith(utf8(text), utf8(marker));

test('a line is found once, however often it has the marker', () => {
  assert.deepEqual(found('first\nTODO TODO\r\n\nthe TODO', 'TODO'), [2, 4]);
});

test('a marker is not found across lines, nor beyond the end', () => {
  assert.deepEqual(found('TO\nDO\nTOD', 'TODO'), []);
  assert.deepEqual(found('', 'TODO'), []);
});

test('bytes are compared, not characters', () => {
  assert.deepEqual(found('ä\n\u00c3', 'ä'), [1]);
});
