import { ChatAnthropic } from '@langchain/anthropic';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatGoogleGenerativeAI } from '@langchain/google-genai';
import { ChatOpenAI } from '@langchain/openai';
import { answered, assert, breaks, called, fails, left, longAnswer, pixel, place, placed, question, streamed, thoughtful, thoughtless, tries, unspeakable, weather } from './expect.mjs';

// clients are those of LangChain.js: one for each API that it speaks.
export function clients(gateway, keys) {
  const configuration = { baseURL: `${gateway}/v1` };
  return [
    client('LangChain.js ChatOpenAI', '@langchain/openai', (model, apiKey, more) => new ChatOpenAI({ model, apiKey, configuration, maxTokens: more.maxTokens, ...more }), keys),
    client('LangChain.js ChatOpenAI, Responses', '@langchain/openai', (model, apiKey, more) => new ChatOpenAI({ model, apiKey, configuration, useResponsesApi: true, ...more }), keys),
    client('LangChain.js ChatAnthropic', '@langchain/anthropic', (model, apiKey, more) => new ChatAnthropic({ model, apiKey, anthropicApiUrl: gateway, maxTokens: 64, ...more }), keys),
    client('LangChain.js ChatGoogleGenerativeAI', '@langchain/google-genai', (model, apiKey, { maxTokens, ...more }) => new ChatGoogleGenerativeAI({ model, apiKey, baseUrl: gateway, maxOutputTokens: maxTokens, ...more }), keys),
  ];
}

function client(name, pkg, of, keys) {
  const model = (id, more = {}) => of(id, keys.good, { maxRetries: 0, ...more });
  const tools = [tool(async () => '18 °C', weather)];
  const textOf = (m) => (typeof m.content === 'string' ? m.content : m.content.map((b) => b.text ?? '').join(''));
  const usageOf = (m) => ({ input: m.usage_metadata.input_tokens, output: m.usage_metadata.output_tokens });
  const statusOf = (err) => err.status ?? err.statusCode ?? err.response?.status;

  return {
    name,
    package: pkg,
    async answer() {
      const a = await model('tiny').invoke(question);
      answered({ text: textOf(a), ...usageOf(a) });
    },
    async stream() {
      const pieces = [];
      let whole;
      for await (const chunk of await model('tiny').stream(question)) {
        if (textOf(chunk)) pieces.push(textOf(chunk));
        whole = whole ? whole.concat(chunk) : chunk;
      }
      // Anthropic's streams begin with the prompt's tokens, before they are known: by the gateway's own count. This client keeps to those.
      const counted = name.includes('Anthropic');
      streamed(pieces, counted ? {} : usageOf(whole));
      return counted ? 'with the prompt\'s tokens as the gateway counts them' : '';
    },
    async tools() {
      const bound = model('tiny').bindTools(tools);
      const first = await bound.invoke(question);
      called(first.tool_calls.map((c) => [c.name, c.args]));
      const results = first.tool_calls.map((c) => new ToolMessage({ tool_call_id: c.id, name: c.name, content: '18 °C' }));
      const second = await bound.invoke([new HumanMessage(question), first, ...results]);
      assert.ok(textOf(second).length > 0 && second.tool_calls.length === 0);
    },
    async 'streamed tools'() {
      let whole;
      for await (const chunk of await model('tiny').bindTools(tools).stream(question)) whole = whole ? whole.concat(chunk) : chunk;
      assert.ok(whole.tool_calls.length > 0 && whole.tool_calls.every((c) => c.args.city === 'Oslo'));
    },
    async thoughts() {
      const bound = model(name.includes('Google') ? 'gemini-2.5-thinker' : 'thinker').bindTools(tools);
      const first = await bound.invoke(question);
      const results = first.tool_calls.map((c) => new ToolMessage({ tool_call_id: c.id, name: c.name, content: '18 °C' }));
      const second = textOf(await bound.invoke([new HumanMessage(question), first, ...results]));
      if (name === 'LangChain.js ChatOpenAI') {
        assert.equal(second, thoughtless);
        return unspeakable;
      }
      assert.equal(second, thoughtful);
    },
    async 'structured output'() {
      placed(await model('tiny').withStructuredOutput(place, { name: 'place', method: 'jsonSchema' }).invoke(question));
    },
    async image() {
      const content = [{ type: 'text', text: question }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }];
      answered({ text: textOf(await model(name.includes('Google') ? 'gemini-2.5-seeing' : 'seeing').invoke([new HumanMessage({ content })])) });
    },
    async abort() {
      const control = new AbortController();
      let pieces = 0;
      try {
        for await (const chunk of await model('tiny', { maxTokens: longAnswer }).stream(question, { signal: control.signal })) if (textOf(chunk) && ++pieces === 3) control.abort();
      } catch (err) {
        assert.match(`${err.name} ${err.message}`, /abort/i);
      }
      left(pieces);
    },
    async 'cut stream'() {
      const read = async (piece) => {
        for await (const chunk of await model('cut-3').stream(question)) if (textOf(chunk)) piece();
      };
      if (!name.includes('Google')) return breaks(read);
      await read(() => {});
      return { no: 'takes it for a short answer: its SDK passes over errors amid a stream' };
    },
    async error() {
      await fails(400, () => model('short').invoke(question), statusOf);
    },
    async 'wrong key'() {
      await fails(401, () => of('tiny', 'sk-wrong', { maxRetries: 0 }).invoke(question), statusOf);
    },
    async 'spent budget'(t) {
      await fails(name.includes('Google') ? 403 : 429, () => of('tiny', keys.poor, { maxRetries: 1 }).invoke(question), statusOf);
      return tries(t.requests());
    },
    async retry(t) {
      answered({ text: textOf(await model('flaky-3', { maxRetries: 2 }).invoke(name)) });
      assert.equal(t.requests(), 2);
    },
  };
}
