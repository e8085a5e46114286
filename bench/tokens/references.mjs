// The reference tokenizers, driven by bench/tokens: one line of JSON in, one out.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { get_encoding } from "tiktoken";
import * as gpt from "gpt-tokenizer/encoding/o200k_base";

const encodings = { o200k_base: get_encoding("o200k_base"), cl100k_base: get_encoding("cl100k_base") };

// speed is MB of text per second of CPU, the best of three.
function speed(text, count) {
  const slice = Buffer.from(text).subarray(0, 100_000).toString().replace(/\ufffd+$/, "");
  const bytes = Buffer.byteLength(slice);
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const before = process.cpuUsage();
    count(slice);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, user + system);
  }
  return bytes / best;
}

const answers = {
  speeds: (text) => ({
    tiktoken: speed(text, (t) => encodings.o200k_base.encode_ordinary(t)),
    "gpt-tokenizer": speed(text, (t) => gpt.countTokens(t, { disallowedSpecial: new Set() })),
  }),
  digest: (text, { encoding }) => createHash("sha256").update(encodings[encoding].encode_ordinary(text)).digest("hex"),
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  console.log(JSON.stringify(answers[request.want](readFileSync(request.file, "utf8"), request)));
}
