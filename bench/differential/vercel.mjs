// Carries chat completions over to other APIs with Vercel's ai providers, and writes what they would send.
//   node vercel.mjs < requests.jsonl > sent.jsonl     a line in: a chat completion; a line out: {anthropic, gemini, bedrock}
import { createInterface } from 'node:readline';
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';

let sent;
const fetch = async (_url, init) => {
  sent = init.body;
  throw new Error('nothing is sent');
};
const models = {
  anthropic: createAnthropic({ apiKey: 'x', fetch })('claude-sonnet-4-6'),
  gemini: createGoogleGenerativeAI({ apiKey: 'x', fetch })('gemini-2.5-flash'),
  bedrock: createAmazonBedrock({ apiKey: 'x', region: 'us-east-1', fetch })('anthropic.claude-sonnet-4-6'),
};

for await (const line of createInterface({ input: process.stdin })) {
  const options = read(JSON.parse(line));
  const out = {};
  for (const [name, model] of Object.entries(models)) {
    sent = undefined;
    let failure;
    await model.doGenerate(options).catch((error) => (failure = error));
    out[name] = sent === undefined ? { error: String(failure) } : JSON.parse(sent);
  }
  console.log(JSON.stringify(out));
}

// read says a chat completion in the neutral form that the providers take.
function read(chat) {
  const names = {};
  const prompt = chat.messages.map((m) => {
    switch (m.role) {
      case 'system':
        return { role: 'system', content: m.content };
      case 'user':
        return { role: 'user', content: [{ type: 'text', text: m.content }] };
      case 'assistant': {
        const content = m.content ? [{ type: 'text', text: m.content }] : [];
        for (const call of m.tool_calls ?? []) {
          names[call.id] = call.function.name;
          content.push({ type: 'tool-call', toolCallId: call.id, toolName: call.function.name, input: JSON.parse(call.function.arguments) });
        }
        return { role: 'assistant', content };
      }
      default:
        return {
          role: 'tool',
          content: [{ type: 'tool-result', toolCallId: m.tool_call_id, toolName: names[m.tool_call_id], output: { type: 'text', value: m.content } }],
        };
    }
  });
  return {
    prompt,
    maxOutputTokens: chat.max_completion_tokens,
    temperature: chat.temperature,
    stopSequences: chat.stop,
    tools: chat.tools?.map((t) => ({ type: 'function', name: t.function.name, description: t.function.description, inputSchema: t.function.parameters })),
    toolChoice: chat.tools && { type: chat.tool_choice },
  };
}
