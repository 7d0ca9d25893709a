import { expect, test } from 'vitest';
import { drawnAs } from './picture';

test.each([
  ['a wide photo', 8000, 4500, 2400, 1350],
  ['a photo on its end', 3000, 4000, 1800, 2400],
  ['a small picture is not blown up', 800, 450, 800, 450],
  ['a thread has at least one pixel', 1, 9000, 1, 2400],
])('%s', (_, width, height, w, h) => {
  expect(drawnAs(width, height)).toEqual({ width: w, height: h });
});
