// Asks everything of a gateway that the official clients for Node can ask.
//
//   node run.mjs GATEWAY KEYS.json RESULTS.jsonl
//
// GATEWAY is its address without a path. KEYS.json has a key `good`, and one `poor` whose budget is spent. RESULTS.jsonl gets one line for each client
// and feature: ok is true or false, null where a client has no such thing, and "no" where it is known
// to have a flaw of its own; note says what is worth knowing, or what went wrong.
// scripts/sdk/compat/go is the same in Go, and table.mjs makes docs/compatibility.md of both.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

const [gateway, keysFile, resultsFile] = process.argv.slice(2);
const keys = JSON.parse(readFileSync(keysFile, 'utf8'));

// Requests are counted before an SDK takes fetch: who tries again is told by it.
let requests = 0;
const plainFetch = globalThis.fetch;
globalThis.fetch = (...args) => {
  requests++;
  return plainFetch(...args);
};

export const features = ['answer', 'stream', 'tools', 'streamed tools', 'thoughts', 'structured output', 'image', 'abort', 'cut stream', 'error', 'wrong key', 'spent budget', 'retry', 'token count', 'stored response', 'background'];

const modules = ['openai', 'responses', 'anthropic', 'google', 'vercel', 'langchain', 'llamaindex'];
const slow = 60_000; // ms: a client that hangs has failed

process.on('unhandledRejection', () => {}); // some clients leave one behind when they are aborted
writeFileSync(resultsFile, '');
for (const module of modules) {
  const { clients } = await import(`./${module}.mjs`);
  for (const client of clients(gateway, keys)) {
    for (const feature of features) {
      let result = await ask(client, feature);
      // Who leaves a stream late has left none: on a busy machine the rest of it may have come already. Once more, then.
      if (feature === 'abort' && result.ok === false) result = await ask(client, feature);
      appendFileSync(resultsFile, JSON.stringify(result) + '\n');
    }
  }
}

async function ask(client, feature) {
  const result = { client: client.name, package: client.package, version: versionOf(client.package), feature, ok: null, note: '' };
  if (!client[feature]) return result;
  requests = 0;
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('no end after a minute')), slow); });
  try {
    const note = (await Promise.race([client[feature]({ requests: () => requests }), late])) ?? '';
    Object.assign(result, note.no ? { ok: 'no', note: note.no } : { ok: true, note });
  } catch (err) {
    result.ok = false;
    result.note = String(err?.stack ?? err).split('\n').slice(0, 3).join(' | ');
  }
  clearTimeout(timer);
  return result;
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}
