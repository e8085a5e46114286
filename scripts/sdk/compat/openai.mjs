import OpenAI from 'openai';
import { answered, assert, breaks, called, fails, left, longAnswer, pixel, place, placed, question, streamed, thoughtful, tries, weather } from './expect.mjs';

export function clients(gateway, keys) {
  const of = (apiKey) => new OpenAI({ apiKey, baseURL: `${gateway}/v1` });
  const openai = of(keys.good);
  const messages = [{ role: 'user', content: question }];
  const tools = [{ type: 'function', function: { name: weather.name, description: weather.description, parameters: weather.schema } }];
  const response_format = { type: 'json_schema', json_schema: { name: 'place', schema: place, strict: true } };
  const parsed = (calls) => called(calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]));

  return [{
    name: 'openai-node, chat',
    package: 'openai',
    async answer() {
      const a = await openai.chat.completions.create({ model: 'tiny', messages });
      answered({ text: a.choices[0].message.content, finish: a.choices[0].finish_reason, want: 'length', input: a.usage.prompt_tokens, output: a.usage.completion_tokens });
    },
    async stream() {
      const pieces = [];
      let finish, usage;
      for await (const chunk of await openai.chat.completions.create({ model: 'tiny', messages, stream: true, stream_options: { include_usage: true } })) {
        if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
        finish = chunk.choices[0]?.finish_reason ?? finish;
        usage = chunk.usage ?? usage;
      }
      streamed(pieces, { finish, want: 'stop', input: usage.prompt_tokens, output: usage.completion_tokens });
    },
    async tools() {
      const first = await openai.chat.completions.create({ model: 'tiny', messages, tools });
      const { message } = first.choices[0];
      parsed(message.tool_calls);
      const results = message.tool_calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: '18 °C' }));
      const second = await openai.chat.completions.create({ model: 'tiny', messages: [...messages, message, ...results], tools });
      assert.equal(second.choices[0].finish_reason, 'stop');
    },
    async 'streamed tools'() {
      const stream = openai.chat.completions.stream({ model: 'tiny', messages, tools });
      const whole = await stream.finalChatCompletion();
      assert.equal(whole.choices[0].finish_reason, 'tool_calls');
      assert.ok(whole.choices[0].message.tool_calls.every((c) => JSON.parse(c.function.arguments).city === 'Oslo'));
    },
    async thoughts() {
      const asked = { model: 'thinker', messages, tools, reasoning_effort: 'low' };
      const first = (await openai.chat.completions.create(asked)).choices[0].message;
      const results = first.tool_calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: '18 °C' }));
      const second = await openai.chat.completions.create({ ...asked, messages: [...messages, first, ...results] });
      assert.equal(second.choices[0].message.content, thoughtful);
    },
    async 'structured output'() {
      const a = await openai.chat.completions.parse({ model: 'tiny', messages, response_format });
      placed(JSON.parse(a.choices[0].message.content));
    },
    async image() {
      const content = [{ type: 'text', text: question }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }];
      const a = await openai.chat.completions.create({ model: 'seeing', messages: [{ role: 'user', content }] });
      answered({ text: a.choices[0].message.content });
    },
    async abort() {
      const stream = await openai.chat.completions.create({ model: 'tiny', messages, stream: true, max_tokens: longAnswer });
      let pieces = 0;
      for await (const _ of stream) if (++pieces === 3) stream.controller.abort();
      left(pieces);
    },
    async 'cut stream'() {
      await breaks(async (piece) => {
        for await (const chunk of await openai.chat.completions.create({ model: 'cut-1', messages, stream: true })) if (chunk.choices[0]?.delta.content) piece();
      });
    },
    async error() {
      const err = await fails(400, () => openai.chat.completions.create({ model: 'short', messages }));
      assert.ok(err instanceof OpenAI.BadRequestError && /context/.test(err.message), err.message);
    },
    async 'wrong key'() {
      const err = await fails(401, () => of('sk-wrong').chat.completions.create({ model: 'tiny', messages }));
      assert.ok(err instanceof OpenAI.AuthenticationError);
    },
    async 'spent budget'(t) {
      const err = await fails(429, () => of(keys.poor).chat.completions.create({ model: 'tiny', messages }));
      assert.equal(err.code, 'budget_exceeded');
      return tries(t.requests());
    },
    async retry(t) {
      const a = await openai.chat.completions.create({ model: 'flaky-1', messages: [{ role: 'user', content: 'openai-node, chat' }] });
      answered({ text: a.choices[0].message.content });
      assert.equal(t.requests(), 2);
    },
  }];
}
