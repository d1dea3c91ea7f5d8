// Cordon before and behind each tool of an agent: two guardrails for the OpenAI Agents SDK.
//
// Before a tool runs, Cordon is asked (`/cordon/v1/authorize`); what it brought is reported (`/cordon/v1/report`), so
// that Cordon knows from then on which values a stranger supplied. Whatever goes wrong, the tool does not run, or its
// result is not shown: a guard that cannot be asked has not said yes.

import { ToolGuardrailFunctionOutputFactory as Output } from '@openai/agents';

/** The guardrails of one piece of work: a gateway, an agent's key, a session. */
export function cordon(url, key, session) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  if (session) headers['x-cordon-session'] = session;
  const calls = new Map();

  async function ask(path, body) {
    const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer.json();
  }

  const before = {
    name: 'cordon',
    async run({ toolCall }) {
      try {
        const question = { tool: toolCall.name, arguments: JSON.parse(toolCall.arguments || '{}') };
        const [decision] = (await ask('/cordon/v1/authorize', question)).decisions;
        if (decision.decision !== 'allow') return Output.rejectContent(`Cordon: ${decision.message}`);
        calls.set(toolCall.callId, decision.call);
        return Output.allow();
      } catch {
        return Output.rejectContent('Cordon could not be asked; this tool did not run.');
      }
    },
  };

  const behind = {
    name: 'cordon',
    async run({ toolCall, output }) {
      try {
        const call = calls.get(toolCall.callId);
        calls.delete(toolCall.callId);
        await ask('/cordon/v1/report', { call, tool: toolCall.name, result: output });
        return Output.allow();
      } catch {
        return Output.rejectContent('Cordon could not be told what this tool brought.');
      }
    },
  };

  return { inputGuardrails: [before], outputGuardrails: [behind] };
}
