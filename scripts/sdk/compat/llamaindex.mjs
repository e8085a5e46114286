import { OpenAI } from '@llamaindex/openai';
import { tool } from 'llamaindex';
import { answered, assert, breaks, called, fails, left, longAnswer, pixel, place, placed, question, streamed, tries, weather } from './expect.mjs';

export function clients(gateway, keys) {
  const of = (model, apiKey = keys.good, more = {}) => new OpenAI({ model, apiKey, baseURL: `${gateway}/v1`, maxRetries: 0, ...more });
  const messages = [{ role: 'user', content: question }];
  const tools = [tool({ name: weather.name, description: weather.description, parameters: weather.schema, execute: async () => '18 °C' })];

  return [{
    name: 'LlamaIndex.TS OpenAI',
    package: '@llamaindex/openai',
    async answer() {
      const a = await of('tiny').chat({ messages });
      answered({ text: a.message.content, input: a.raw.usage.prompt_tokens, output: a.raw.usage.completion_tokens });
    },
    async stream() {
      const pieces = [];
      for await (const chunk of await of('tiny').chat({ messages, stream: true })) if (chunk.delta) pieces.push(chunk.delta);
      streamed(pieces);
    },
    async tools() {
      const first = await of('tiny').chat({ messages, tools });
      const calls = first.message.options.toolCall;
      called(calls.map((c) => [c.name, typeof c.input === 'string' ? JSON.parse(c.input) : c.input]));
      const results = calls.map((c) => ({ role: 'user', content: '18 °C', options: { toolResult: { id: c.id, result: '18 °C', isError: false } } }));
      const second = await of('tiny').chat({ messages: [...messages, first.message, ...results], tools });
      assert.equal(second.raw.choices[0].finish_reason, 'stop');
    },
    async 'streamed tools'() {
      const calls = [];
      for await (const chunk of await of('tiny').chat({ messages, tools, stream: true })) calls.push(...(chunk.options?.toolCall ?? []));
      assert.ok(calls.length > 0 && calls.every((c) => c.name === weather.name));
    },
    async 'structured output'() {
      const responseFormat = { type: 'json_schema', json_schema: { name: 'place', schema: place, strict: true } };
      placed(JSON.parse((await of('tiny').chat({ messages, responseFormat })).message.content));
    },
    async image() {
      const content = [{ type: 'text', text: question }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }];
      answered({ text: (await of('seeing').chat({ messages: [{ role: 'user', content }] })).message.content });
    },
    async abort() {
      let pieces = 0;
      for await (const _ of await of('tiny', keys.good, { maxTokens: longAnswer }).chat({ messages, stream: true })) if (++pieces === 3) break;
      left(pieces);
    },
    async 'cut stream'() {
      await breaks(async (piece) => {
        for await (const chunk of await of('cut-5').chat({ messages, stream: true })) if (chunk.delta) piece();
      });
    },
    async error() {
      await fails(400, () => of('short').chat({ messages }));
    },
    async 'wrong key'() {
      await fails(401, () => of('tiny', 'sk-wrong').chat({ messages }));
    },
    async 'spent budget'(t) {
      await fails(429, () => of('tiny', keys.poor, { maxRetries: 2 }).chat({ messages }));
      return tries(t.requests());
    },
    async retry(t) {
      const a = await of('flaky-3', keys.good, { maxRetries: 2 }).chat({ messages: [{ role: 'user', content: 'LlamaIndex.TS OpenAI' }] });
      answered({ text: a.message.content });
      assert.equal(t.requests(), 2);
    },
  }];
}
