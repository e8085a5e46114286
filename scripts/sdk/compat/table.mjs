// Makes the table of docs/compatibility.md of what the clients have told.
//
//   node table.mjs DOC -write|'' RESULTS.jsonl...
//
// Fails where a client failed, and without -write where the document says something else.
import { readFileSync, writeFileSync } from 'node:fs';

const [doc, write, ...files] = process.argv.slice(2);
const results = files.flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));
const failed = results.filter((r) => r.ok === false);
for (const r of failed) console.error(`${r.client}, ${r.feature}: ${r.note}`);

const clients = new Map();
for (const r of results) {
  if (!clients.has(r.client)) clients.set(r.client, { version: r.version, package: r.package, cells: new Map() });
  clients.get(r.client).cells.set(r.feature, r);
}
const features = [...new Set(results.map((r) => r.feature))];
const notes = [];
const cell = (r) => {
  if (!r || r.ok === null) return '–';
  if (!r.ok) return '**fails**';
  if (!r.note) return 'yes';
  if (!notes.includes(r.note)) notes.push(r.note);
  return `${r.ok === 'no' ? '**no**' : 'yes'} ${notes.indexOf(r.note) + 1}`;
};
const row = (cells) => `| ${cells.join(' | ')} |`;
const lines = [row(['client', ...features]), row(Array(features.length + 1).fill('---'))];
for (const [name, c] of clients) lines.push(row([`${name} \`${c.package}@${c.version}\``, ...features.map((f) => cell(c.cells.get(f)))]));
if (notes.length > 0) lines.push('', notes.map((note, i) => `${i + 1}: ${note}.`).join(' '));

const begin = '<!-- scripts/sdk-compat -write: begin -->';
const end = '<!-- end -->';
const text = readFileSync(doc, 'utf8');
const from = text.indexOf(begin);
const to = text.indexOf(end, from);
if (from < 0 || to < 0) throw new Error(`${doc} has no place for the table, between ${begin} and ${end}`);
const wanted = `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n${text.slice(to)}`;
if (write === '-write') writeFileSync(doc, wanted);
const count = (ok) => results.filter((r) => r.ok === ok).length;
console.log(`${clients.size} clients: ${count(true)} passed, ${count(false)} failed, ${count('no')} that a client does wrong by itself, ${count(null)} that a client has nothing for`);
if (write !== '-write' && wanted !== text) {
  console.error(`${doc} says something else; look at it with scripts/sdk-compat -write and git diff`);
  process.exit(1);
}
process.exit(failed.length > 0 ? 1 : 0);
