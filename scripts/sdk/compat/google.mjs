import { GoogleGenAI } from '@google/genai';
import { answered, assert, breaks, called, fails, left, longAnswer, pixel, place, placed, question, streamed, thoughtful, tries, weather } from './expect.mjs';

export function clients(gateway, keys) {
  const of = (apiKey, more) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gateway, ...more } });
  const google = of(keys.good).models;
  const base = { model: 'tiny', contents: question };
  const tools = [{ functionDeclarations: [{ name: weather.name, description: weather.description, parametersJsonSchema: weather.schema }] }];
  const usageOf = (usage) => ({ input: usage.promptTokenCount, output: usage.candidatesTokenCount });

  return [{
    name: '@google/genai',
    package: '@google/genai',
    async answer() {
      const a = await google.generateContent(base);
      answered({ text: a.text, finish: a.candidates[0].finishReason, want: 'MAX_TOKENS', ...usageOf(a.usageMetadata) });
    },
    async stream() {
      const pieces = [];
      let last;
      for await (const chunk of await google.generateContentStream(base)) {
        if (chunk.text) pieces.push(chunk.text);
        last = chunk;
      }
      streamed(pieces, { finish: last.candidates[0].finishReason, want: 'STOP', ...usageOf(last.usageMetadata) });
    },
    async tools() {
      const first = await google.generateContent({ ...base, config: { tools } });
      called(first.functionCalls.map((c) => [c.name, c.args]));
      assert.equal(first.candidates[0].finishReason, 'STOP');
      const results = first.functionCalls.map((c) => ({ functionResponse: { id: c.id, name: c.name, response: { output: '18 °C' } } }));
      const contents = [{ role: 'user', parts: [{ text: question }] }, first.candidates[0].content, { role: 'user', parts: results }];
      const second = await google.generateContent({ ...base, contents, config: { tools } });
      assert.equal(second.candidates[0].finishReason, 'STOP');
      assert.ok(second.text.length > 0);
    },
    async 'streamed tools'() {
      const calls = [];
      for await (const chunk of await google.generateContentStream({ ...base, config: { tools } })) calls.push(...(chunk.functionCalls ?? []));
      assert.ok(calls.length > 0 && calls.every((c) => c.args.city === 'Oslo'));
    },
    async thoughts() {
      const asked = { model: 'thinker', config: { tools, thinkingConfig: { thinkingBudget: 1024 } } };
      const first = await google.generateContent({ ...asked, contents: question });
      const results = first.functionCalls.map((c) => ({ functionResponse: { id: c.id, name: c.name, response: { output: '18 °C' } } }));
      const contents = [{ role: 'user', parts: [{ text: question }] }, first.candidates[0].content, { role: 'user', parts: results }];
      assert.equal((await google.generateContent({ ...asked, contents })).text, thoughtful);
    },
    async 'structured output'() {
      const a = await google.generateContent({ ...base, config: { responseMimeType: 'application/json', responseJsonSchema: place } });
      placed(JSON.parse(a.text));
    },
    async image() {
      const contents = [{ role: 'user', parts: [{ text: question }, { inlineData: { mimeType: 'image/png', data: pixel } }] }];
      answered({ text: (await google.generateContent({ model: 'seeing', contents })).text });
    },
    async abort() {
      const control = new AbortController();
      let pieces = 0;
      try {
        for await (const _ of await google.generateContentStream({ ...base, config: { maxOutputTokens: longAnswer, abortSignal: control.signal } })) if (++pieces === 3) control.abort();
      } catch (err) {
        assert.equal(err.name, 'AbortError');
      }
      left(pieces);
    },
    async 'cut stream'() {
      await breaks(async (piece) => {
        for await (const chunk of await google.generateContentStream({ ...base, model: 'cut-1' })) if (chunk.text) piece();
      });
    },
    async error() {
      const err = await fails(400, () => google.generateContent({ ...base, model: 'short' }));
      assert.equal(JSON.parse(err.message).error.status, 'INVALID_ARGUMENT');
    },
    async 'wrong key'() {
      await fails(401, () => of('sk-wrong').models.generateContent(base));
    },
    async 'spent budget'(t) {
      await fails(403, () => of(keys.poor, { retryOptions: { attempts: 3 } }).models.generateContent(base));
      return tries(t.requests());
    },
    async retry(t) {
      const a = await of(keys.good, { retryOptions: { attempts: 3 } }).models.generateContent({ model: 'flaky-1', contents: '@google/genai' });
      answered({ text: a.text });
      assert.equal(t.requests(), 2);
      return 'where it is asked to';
    },
    async 'token count'() {
      const { totalTokens } = await google.countTokens(base);
      assert.ok(totalTokens > 3 && totalTokens < 80, `${totalTokens} tokens`);
    },
  }];
}
