import OpenAI from 'openai';
import { answered, assert, breaks, called, fails, left, longAnswer, pixel, place, placed, question, streamed, thoughtful, tries, weather } from './expect.mjs';

export function clients(gateway, keys) {
  const of = (apiKey) => new OpenAI({ apiKey, baseURL: `${gateway}/v1` });
  const openai = of(keys.good);
  const tools = [{ type: 'function', name: weather.name, description: weather.description, parameters: weather.schema, strict: true }];
  const text = { format: { type: 'json_schema', name: 'place', schema: place, strict: true } };
  const parsed = (output) => called(output.filter((item) => item.type === 'function_call').map((c) => [c.name, JSON.parse(c.arguments)]));

  return [{
    name: 'openai-node, Responses',
    package: 'openai',
    async answer() {
      const a = await openai.responses.create({ model: 'tiny', input: question });
      assert.equal(a.status, 'incomplete');
      answered({ text: a.output_text, finish: a.incomplete_details.reason, want: 'max_output_tokens', input: a.usage.input_tokens, output: a.usage.output_tokens });
    },
    async stream() {
      const pieces = [];
      const events = [];
      let last;
      for await (const event of await openai.responses.create({ model: 'tiny', input: question, stream: true })) {
        assert.equal(event.sequence_number, events.length);
        events.push(event.type);
        if (event.type === 'response.output_text.delta') pieces.push(event.delta);
        last = event;
      }
      assert.deepEqual(events.slice(0, 4), ['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added']);
      assert.deepEqual(events.slice(-4), ['response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed']);
      streamed(pieces, { finish: last.response.status, want: 'completed', input: last.response.usage.input_tokens, output: last.response.usage.output_tokens });
    },
    async tools() {
      const first = await openai.responses.create({ model: 'tiny', input: question, tools });
      parsed(first.output);
      const calls = first.output.filter((item) => item.type === 'function_call');
      const results = calls.map((c) => ({ type: 'function_call_output', call_id: c.call_id, output: '18 °C' }));
      const second = await openai.responses.create({ model: 'tiny', input: [{ role: 'user', content: question }, ...first.output, ...results], tools });
      assert.equal(second.status, 'completed');
    },
    async 'streamed tools'() {
      const whole = await openai.responses.stream({ model: 'tiny', input: question, tools }).finalResponse();
      assert.equal(whole.status, 'completed');
      const calls = whole.output.filter((item) => item.type === 'function_call');
      assert.ok(calls.length > 0 && calls.every((c) => JSON.parse(c.arguments).city === 'Oslo'));
    },
    async thoughts() {
      const asked = { model: 'thinker', input: question, tools, reasoning: { effort: 'low' } };
      const first = await openai.responses.create(asked);
      const results = first.output.filter((item) => item.type === 'function_call').map((c) => ({ type: 'function_call_output', call_id: c.call_id, output: '18 °C' }));
      const second = await openai.responses.create({ ...asked, input: [{ role: 'user', content: question }, ...first.output, ...results] });
      assert.equal(second.output_text, thoughtful);
    },
    async 'structured output'() {
      const a = await openai.responses.parse({ model: 'tiny', input: question, text });
      placed(JSON.parse(a.output_text));
    },
    async image() {
      const content = [{ type: 'input_text', text: question }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${pixel}` }];
      const a = await openai.responses.create({ model: 'seeing', input: [{ role: 'user', content }] });
      answered({ text: a.output_text });
    },
    async abort() {
      const stream = await openai.responses.create({ model: 'tiny', input: question, stream: true, max_output_tokens: longAnswer });
      let pieces = 0;
      for await (const event of stream) if (event.type === 'response.output_text.delta' && ++pieces === 3) stream.controller.abort();
      left(pieces);
    },
    async 'cut stream'() {
      await breaks(async (piece) => {
        let last;
        for await (const event of await openai.responses.create({ model: 'cut-1', input: question, stream: true })) {
          if (event.type === 'response.output_text.delta') piece();
          last = event;
        }
        if (last.type === 'response.failed') throw new Error(last.response.error.message);
      });
    },
    async error() {
      const err = await fails(400, () => openai.responses.create({ model: 'short', input: question }));
      assert.ok(err instanceof OpenAI.BadRequestError && /context/.test(err.message), err.message);
      const stateful = await fails(400, () => openai.responses.create({ model: 'tiny', input: question, previous_response_id: 'resp_1' }));
      assert.equal(stateful.param, 'previous_response_id');
    },
    async 'wrong key'() {
      const err = await fails(401, () => of('sk-wrong').responses.create({ model: 'tiny', input: question }));
      assert.ok(err instanceof OpenAI.AuthenticationError);
    },
    async 'spent budget'(t) {
      const err = await fails(429, () => of(keys.poor).responses.create({ model: 'tiny', input: question }));
      assert.equal(err.code, 'budget_exceeded');
      return tries(t.requests());
    },
    async retry(t) {
      const a = await openai.responses.create({ model: 'flaky-1', input: 'openai-node, Responses' });
      answered({ text: a.output_text });
      assert.equal(t.requests(), 2);
    },
    async 'stored response'() {
      const ask = (previous, more) => openai.responses.create({ model: 'keeper', input: question, previous_response_id: previous?.id, ...more });
      const first = await ask();
      const second = await ask(first);
      let third;
      for await (const event of await ask(second, { stream: true })) if (event.type === 'response.completed') third = event.response;
      assert.deepEqual([first.output_text, second.output_text, third.output[0].content[0].text], ['turn 1', 'turn 2', 'turn 3']);
      assert.deepEqual([second.previous_response_id, third.previous_response_id], [first.id, second.id]);
      const seen = await openai.responses.retrieve(third.id);
      assert.deepEqual([seen.id, seen.usage.input_tokens], [third.id, 30]);
      await fails(400, () => of(keys.poor).responses.create({ model: 'keeper', input: question, previous_response_id: first.id }));
      await openai.responses.delete(third.id);
      await fails(404, () => openai.responses.retrieve(third.id));
    },
    async background() {
      const asked = { model: 'keeper', input: question, background: true };
      let a = await openai.responses.create(asked);
      assert.equal(a.status, 'queued');
      for (let n = 0; a.status === 'queued' && n < 5; n++) a = await openai.responses.retrieve(a.id);
      assert.deepEqual([a.status, a.output_text], ['completed', 'turn 1']);
      const left = await openai.responses.create(asked);
      assert.equal((await openai.responses.cancel(left.id)).status, 'cancelled');
    },
  }];
}
