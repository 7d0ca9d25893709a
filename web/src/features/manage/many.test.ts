import { expect, test } from 'vitest';
import { ApiError } from '@/api/errors';
import { forEach } from './many';

const at = (status: number, retryAfter?: number) => new ApiError(status, 'no', 'no', [], undefined, retryAfter);
const never = () => false;

test('one that is refused keeps none of the others', async () => {
  const steps: number[] = [];
  const refused = at(409);
  const left = await forEach([1, 2, 3], async (n) => (n === 2 ? Promise.reject(refused) : n), {
    onStep: (n) => steps.push(n),
    stopped: never,
  });
  expect(left).toEqual([{ item: 2, error: refused }]);
  expect(steps).toEqual([1, 2, 3]);
});

test('who is told to wait waits as long as that, and tries the same again', async () => {
  const waited: number[] = [];
  const answers = [at(429, 7), at(0), undefined];
  const left = await forEach(
    ['a'],
    async () => {
      const answer = answers.shift();
      if (answer) throw answer;
    },
    { onStep: () => undefined, stopped: never, wait: async (ms) => void waited.push(ms) },
  );
  expect(left).toEqual([]);
  expect(waited).toEqual([7000, 4000]);
});

test('a server that stays away is given up at the fifth try', async () => {
  let tries = 0;
  const left = await forEach(
    ['a'],
    async () => {
      tries++;
      throw at(503);
    },
    { onStep: () => undefined, stopped: never, wait: async () => undefined },
  );
  expect([tries, left.length]).toEqual([5, 1]);
});

test('once stopped, what was not begun is left as it was', async () => {
  const done: number[] = [];
  const left = await forEach([1, 2, 3], async (n) => done.push(n), { onStep: () => undefined, stopped: () => done.length === 1 });
  expect(done).toEqual([1]);
  expect(left).toEqual([2, 3].map((item) => ({ item, error: undefined })));
});
