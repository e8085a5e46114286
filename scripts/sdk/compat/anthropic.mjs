import Anthropic from '@anthropic-ai/sdk';
import { answered, assert, breaks, called, fails, left, longAnswer, pixel, place, placed, question, streamed, thoughtful, tries, weather } from './expect.mjs';

export function clients(gateway, keys) {
  const of = (apiKey) => new Anthropic({ apiKey, baseURL: gateway });
  const anthropic = of(keys.good);
  const messages = [{ role: 'user', content: question }];
  const tools = [{ name: weather.name, description: weather.description, input_schema: weather.schema }];
  const base = { model: 'tiny', max_tokens: 64, messages };
  const textOf = (content) => content.filter((b) => b.type === 'text').map((b) => b.text).join('');
  // Anthropic's input_tokens leave out what was read from a cache.
  const usageOf = (usage) => ({ input: usage.input_tokens + usage.cache_read_input_tokens, output: usage.output_tokens });

  return [{
    name: '@anthropic-ai/sdk',
    package: '@anthropic-ai/sdk',
    async answer() {
      const a = await anthropic.messages.create(base);
      answered({ text: textOf(a.content), finish: a.stop_reason, want: 'max_tokens', ...usageOf(a.usage) });
    },
    async stream() {
      const pieces = [];
      const stream = anthropic.messages.stream(base).on('text', (text) => pieces.push(text));
      const whole = await stream.finalMessage();
      streamed(pieces, { finish: whole.stop_reason, want: 'end_turn', ...usageOf(whole.usage) });
    },
    async tools() {
      const first = await anthropic.messages.create({ ...base, tools });
      const calls = first.content.filter((b) => b.type === 'tool_use');
      called(calls.map((c) => [c.name, c.input]));
      const results = calls.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: '18 °C' }));
      const second = await anthropic.messages.create({ ...base, tools, messages: [...messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }] });
      assert.equal(second.stop_reason, 'end_turn');
    },
    async 'streamed tools'() {
      const whole = await anthropic.messages.stream({ ...base, tools }).finalMessage();
      assert.equal(whole.stop_reason, 'tool_use');
      const calls = whole.content.filter((b) => b.type === 'tool_use');
      assert.ok(calls.length > 0 && calls.every((c) => c.input.city === 'Oslo'));
    },
    async thoughts() {
      const asked = { ...base, model: 'thinker', max_tokens: 2048, tools, thinking: { type: 'enabled', budget_tokens: 1024 } };
      const first = await anthropic.messages.create(asked);
      const results = first.content.filter((b) => b.type === 'tool_use').map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: '18 °C' }));
      const second = await anthropic.messages.create({ ...asked, messages: [...messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }] });
      assert.equal(textOf(second.content), thoughtful);
    },
    async 'structured output'() {
      const a = await anthropic.messages.create({ ...base, output_config: { format: { type: 'json_schema', schema: place } } });
      placed(JSON.parse(textOf(a.content)));
    },
    async image() {
      const content = [{ type: 'text', text: question }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }];
      const a = await anthropic.messages.create({ ...base, model: 'seeing', messages: [{ role: 'user', content }] });
      answered({ text: textOf(a.content) });
    },
    async abort() {
      const stream = await anthropic.messages.create({ ...base, max_tokens: longAnswer, stream: true });
      let pieces = 0;
      for await (const event of stream) if (event.type === 'content_block_delta' && ++pieces === 3) stream.controller.abort();
      left(pieces);
    },
    async 'cut stream'() {
      await breaks(async (piece) => {
        await anthropic.messages.stream({ ...base, model: 'cut-1' }).on('text', piece).finalMessage();
      });
    },
    async error() {
      const err = await fails(400, () => anthropic.messages.create({ ...base, model: 'short' }));
      assert.ok(err instanceof Anthropic.BadRequestError && /context/.test(err.message), err.message);
    },
    async 'wrong key'() {
      const err = await fails(401, () => of('sk-wrong').messages.create(base));
      assert.ok(err instanceof Anthropic.AuthenticationError);
    },
    async 'spent budget'(t) {
      await fails(429, () => of(keys.poor).messages.create(base));
      return tries(t.requests());
    },
    async retry(t) {
      const a = await anthropic.messages.create({ ...base, model: 'flaky-1', messages: [{ role: 'user', content: '@anthropic-ai/sdk' }] });
      answered({ text: textOf(a.content) });
      assert.equal(t.requests(), 2);
    },
    async 'token count'() {
      const { input_tokens } = await anthropic.messages.countTokens({ model: 'tiny', messages });
      assert.ok(input_tokens > 3 && input_tokens < 80, `${input_tokens} tokens`);
    },
  }];
}
