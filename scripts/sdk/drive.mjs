// Drives calls through a gateway with the official OpenAI SDK for Node.
//
//   node drive.mjs BASE_URL KEYS.json CALLS.jsonl RESULTS.jsonl
//
// KEYS.json maps a team to its key. RESULTS.jsonl gets one line for each HTTP request: those that the SDK sends again are its own.
// scripts/sdk/go/main.go is the same in Go, and internal/testkit/books reads what both write.
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import OpenAI from 'openai';

const [baseURL, keysFile, callsFile, resultsFile] = process.argv.slice(2);
const keys = JSON.parse(readFileSync(keysFile, 'utf8'));
const calls = readFileSync(callsFile, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const workers = 3;
const chunksBeforeAbort = 3;
const waitBeforeAbort = 60; // ms after the request was sent whole: by then the gateway has it, and must account for it

const attempts = new Map(); // call to the HTTP requests it took

// counted is fetch, with each HTTP request tagged and noted.
async function counted(url, init) {
  const headers = new Headers(init.headers);
  const call = headers.get('x-bursar-tag-call');
  const list = attempts.get(call);
  const attempt = { call, attempt: list.length, id: '', status: 0, outcome: 'error' };
  list.push(attempt);
  headers.set('x-bursar-tag-attempt', String(attempt.attempt));
  const response = await fetch(url, { ...init, headers });
  attempt.status = response.status;
  attempt.id = response.headers.get('x-bursar-request-id') ?? '';
  attempt.cache = response.headers.get('x-bursar-cache') ?? '';
  attempt.cost_usd = response.headers.get('x-bursar-cost-usd') ?? '';
  return response;
}

const sent = new Map(); // call to what to do when its request was sent
subscribe('undici:request:bodySent', ({ request }) => {
  const headers = String(request.headers);
  for (const [call, then] of sent) if (headers.includes(call)) then();
});

const clients = Object.fromEntries(Object.entries(keys).map(([team, apiKey]) => [team, new OpenAI({ apiKey, baseURL, fetch: counted })]));

async function make(call) {
  attempts.set(call.id, []);
  const control = new AbortController();
  const result = { outcome: 'answered' };
  const options = { signal: control.signal, headers: { 'x-bursar-tag-call': call.id } };
  if (call.abort === 'plain') sent.set(call.id, () => setTimeout(() => control.abort(), waitBeforeAbort));
  try {
    const asked = clients[call.team].chat.completions.create(call.body, options);
    if (call.body.stream) await readStream(await asked, call, control, result);
    else readPlain(await asked, result);
    if (control.signal.aborted) result.outcome = 'aborted';
    else if (!result.finish) throw new Error('the answer has no finish_reason');
  } catch (err) {
    result.outcome = control.signal.aborted ? 'aborted' : 'error';
    result.error = `${err.name}: ${err.message}`;
    result.code = err.code ?? '';
  }
  sent.delete(call.id);
  const list = attempts.get(call.id);
  if (list.length === 0) list.push({ call: call.id, attempt: 0, id: '', status: 0 }); // it failed before it was sent
  Object.assign(list.at(-1), result);
  appendFileSync(resultsFile, list.map((a) => JSON.stringify({ client: 'node', ...a }) + '\n').join(''));
}

function readPlain(answer, result) {
  result.finish = answer.choices[0]?.finish_reason ?? '';
  note(answer.usage, result);
}

async function readStream(stream, call, control, result) {
  let chunks = 0;
  for await (const chunk of stream) {
    for (const choice of chunk.choices) if (choice.finish_reason) result.finish = choice.finish_reason;
    if (chunk.usage) note(chunk.usage, result);
    if (call.abort === 'stream' && ++chunks === chunksBeforeAbort) control.abort();
  }
}

function note(usage, result) {
  if (!usage) return;
  result.prompt_tokens = usage.prompt_tokens;
  result.completion_tokens = usage.completion_tokens;
}

writeFileSync(resultsFile, '');
const lanes = [...group(calls)];
await Promise.all(Array.from({ length: workers }, async () => {
  for (let lane = lanes.shift(); lane; lane = lanes.shift()) for (const call of lane) await make(call);
}));

function group(all) {
  const lanes = new Map();
  for (const call of all) lanes.set(call.lane, [...(lanes.get(call.lane) ?? []), call]);
  return lanes.values();
}
