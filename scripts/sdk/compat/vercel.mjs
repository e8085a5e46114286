import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import { answered, assert, breaks, called, fails, left, longAnswer, pixel, place, placed, question, streamed, thoughtful, thoughtless, tries, unspeakable, weather } from './expect.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

// clients are those of Vercel's `ai`: one for each API that a provider of it speaks.
export function clients(gateway, keys) {
  const openai = (apiKey) => createOpenAI({ apiKey, baseURL: `${gateway}/v1` });
  return [
    client('ai with @ai-sdk/openai, chat', '@ai-sdk/openai', (key) => openai(key).chat, keys),
    client('ai with @ai-sdk/openai, Responses', '@ai-sdk/openai', (key) => openai(key).responses, keys),
    client('ai with @ai-sdk/anthropic', '@ai-sdk/anthropic', (apiKey) => createAnthropic({ apiKey, baseURL: `${gateway}/v1` }), keys),
    client('ai with @ai-sdk/google', '@ai-sdk/google', (apiKey) => createGoogleGenerativeAI({ apiKey, baseURL: `${gateway}/v1beta` }), keys),
  ];
}

function client(name, pkg, of, keys) {
  const model = of(keys.good);
  const base = { model: model('tiny'), prompt: question, maxOutputTokens: 64 };
  const usageOf = (usage) => ({ input: usage.inputTokens, output: usage.outputTokens });
  const statusOf = (err) => (err.lastError ?? err).statusCode;
  const tools = (execute) => ({ [weather.name]: tool({ description: weather.description, inputSchema: jsonSchema(weather.schema), execute }) });

  return {
    name,
    package: pkg,
    async answer() {
      const a = await generateText(base);
      answered({ text: a.text, finish: a.finishReason, want: 'length', ...usageOf(a.usage) });
    },
    async stream() {
      const a = streamText({ ...base, onError() {} });
      const pieces = [];
      for await (const piece of a.textStream) pieces.push(piece);
      streamed(pieces, { finish: await a.finishReason, want: 'stop', ...usageOf(await a.usage) });
    },
    async tools() {
      const a = await generateText({ ...base, tools: tools(async () => '18 °C'), stopWhen: stepCountIs(3) });
      assert.equal(a.steps.length, 2);
      called(a.steps[0].toolCalls.map((c) => [c.toolName, c.input]));
      assert.equal(a.finishReason, 'stop');
    },
    async 'streamed tools'() {
      const calls = await streamText({ ...base, tools: tools(), onError() {} }).toolCalls;
      assert.ok(calls.length > 0 && calls.every((c) => c.input.city === 'Oslo'));
    },
    async thoughts() {
      const asked = { ...base, model: model(name.includes('google') ? 'gemini-2.5-thinker' : 'thinker'), maxOutputTokens: 2048, maxRetries: 0 };
      const stateless = name.includes('Responses'); // else it refers to items by their ids, as if they were stored
      const a = await generateText({ ...asked, tools: tools(async () => '18 °C'), stopWhen: stepCountIs(3), providerOptions: stateless ? { openai: { store: false } } : {} });
      if (name.includes('chat')) {
        assert.equal(a.text, thoughtless);
        return unspeakable;
      }
      assert.equal(a.text, thoughtful);
      return stateless ? 'with `store: false`' : '';
    },
    async 'structured output'() {
      const known = name.includes('anthropic') ? { model: model('claude-sonnet-4-5') } : {}; // of others it asks for JSON by a tool
      const a = await generateText({ ...base, ...known, experimental_output: Output.object({ schema: jsonSchema(place) }), maxRetries: 0 });
      placed(a.experimental_output);
    },
    async image() {
      const content = [{ type: 'text', text: question }, { type: 'image', image: pixel, mediaType: 'image/png' }];
      answered({ text: (await generateText({ model: model('seeing'), messages: [{ role: 'user', content }], maxOutputTokens: 64, maxRetries: 0 })).text });
    },
    async abort() {
      const control = new AbortController();
      let pieces = 0;
      const a = streamText({ ...base, maxOutputTokens: longAnswer, abortSignal: control.signal, onError() {} });
      for await (const part of a.fullStream) if (part.type === 'text-delta' && ++pieces === 3) control.abort();
      left(pieces);
    },
    async 'cut stream'() {
      await breaks(async (piece) => {
        for await (const part of streamText({ ...base, model: model('cut-2'), onError() {} }).fullStream) {
          if (part.type === 'text-delta') piece();
          if (part.type === 'error') throw part.error;
        }
      });
    },
    async error() {
      const err = await fails(400, () => generateText({ ...base, model: model('short') }), statusOf);
      assert.ok(APICallError.isInstance(err) && /context/.test(err.message), err.message);
    },
    async 'wrong key'() {
      await fails(401, () => generateText({ ...base, model: of('sk-wrong')('tiny') }), statusOf);
    },
    async 'spent budget'(t) {
      await fails(name.includes('google') ? 403 : 429, () => generateText({ ...base, model: of(keys.poor)('tiny'), maxRetries: 1 }), statusOf);
      return tries(t.requests());
    },
    async retry(t) {
      const a = await generateText({ model: model('flaky-2'), prompt: name, maxOutputTokens: 64 });
      answered({ text: a.text });
      assert.equal(t.requests(), 2);
    },
  };
}
