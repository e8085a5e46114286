// What all clients are asked, and what they must hear. The answers are recordings of a real server: see internal/testkit/wireupstream.
import assert from 'node:assert/strict';

export const question = 'What is the weather like?';
export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const longAnswer = 3000; // tokens; the recording takes two seconds, so that there is time to leave

export const weather = {
  name: 'get_weather',
  description: 'The weather of a city',
  schema: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } }, required: ['city', 'days'], additionalProperties: false },
};

export const place = {
  type: 'object', properties: { city: { type: 'string', enum: ['Paris', 'Rome'] }, sure: { type: 'boolean' } }, required: ['city', 'sure'], additionalProperties: false,
};

// answered checks a plain answer: its text, that it was cut at its cap, its usage.
export function answered({ text, finish, want, input, output, usage = [82, 16] }) {
  assert.ok(text.length > 0, 'no text');
  if (finish !== undefined) assert.equal(finish, want);
  if (input !== undefined) assert.deepEqual([input, output], usage, 'usage');
}

// streamed checks an answer that came in pieces, and to its own end.
export function streamed(pieces, rest) {
  assert.ok(pieces.length >= 2, `${pieces.length} pieces`);
  answered({ text: pieces.join(''), usage: [82, 15], ...rest });
}

// called checks tool calls: [name, arguments] of each.
export function called(calls) {
  assert.deepEqual(calls.map(([name, args]) => [name, args.city, args.days]), [['get_weather', 'Oslo', 9], ['get_weather', 'Oslo', 9], ['get_weather', 'Oslo', 2]]);
}

// What is said to who brings a thought back as it was, and to who does not.
export const thoughtful = 'Nine days of rain.';
export const thoughtless = 'Rain, I think.';
export const unspeakable = { no: 'leaves out what chat completions have no words for' };

export function placed(value) {
  assert.deepEqual(value, { city: 'Paris', sure: false });
}

// left checks that a stream ended when its client wanted.
export function left(pieces) {
  assert.ok(pieces >= 3 && pieces < 40, `${pieces} pieces came`);
}

// breaks checks that a stream that breaks off midway is an error after its first pieces, and not a short answer. Read reads it and counts them.
export async function breaks(read) {
  let pieces = 0;
  let err;
  try {
    await read(() => pieces++);
  } catch (thrown) {
    err = thrown;
  }
  assert.ok(pieces > 0, `nothing came before ${err}`);
  assert.ok(err, `it looked whole after ${pieces} pieces`);
}

// fails checks that something fails with a status, and returns the error.
export async function fails(status, call, statusOf = (err) => err.status) {
  let err;
  try {
    await call();
  } catch (thrown) {
    err = thrown;
  }
  assert.ok(err, 'it did not fail');
  assert.equal(statusOf(err), status, `${err.name}: ${err.message}`);
  return err;
}

// tries says how often a client asked, where once would have done.
export function tries(requests, want = 1) {
  return requests === want ? '' : `asks ${requests} times, though told not to`;
}

export { assert };
