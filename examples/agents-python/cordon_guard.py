"""Cordon before and behind each tool of an agent: two guardrails for the OpenAI Agents SDK.

Before a tool runs, Cordon is asked (`/cordon/v1/authorize`); what it brought is reported (`/cordon/v1/report`), so that
Cordon knows from then on which values a stranger supplied. Whatever goes wrong, the tool does not run, or its result is
not shown: a guard that cannot be asked has not said yes.
"""

import json

import httpx
from agents import ToolGuardrailFunctionOutput, ToolInputGuardrail, ToolOutputGuardrail


class Cordon:
    """One piece of work: a gateway, an agent's key, a session."""

    def __init__(self, url, key, session=None):
        headers = {"Authorization": f"Bearer {key}"}
        if session:
            headers["x-cordon-session"] = session
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=30)
        self._calls = {}
        self.before = ToolInputGuardrail(guardrail_function=self._authorize, name="cordon")
        self.behind = ToolOutputGuardrail(guardrail_function=self._report, name="cordon")

    async def close(self):
        await self._http.aclose()

    async def _ask(self, path, body):
        answer = await self._http.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    async def _authorize(self, data):
        call = data.context
        try:
            arguments = json.loads(call.tool_arguments or "{}")
            question = {"tool": call.tool_name, "arguments": arguments}
            [decision] = (await self._ask("/cordon/v1/authorize", question))["decisions"]
        except (httpx.HTTPError, KeyError, ValueError):
            return ToolGuardrailFunctionOutput.reject_content("Cordon could not be asked; this tool did not run.")
        if decision["decision"] != "allow":
            return ToolGuardrailFunctionOutput.reject_content(f"Cordon: {decision['message']}")
        self._calls[call.tool_call_id] = decision["call"]
        return ToolGuardrailFunctionOutput.allow()

    async def _report(self, data):
        call = self._calls.pop(data.context.tool_call_id, None)
        try:
            await self._ask("/cordon/v1/report", {"call": call, "tool": data.context.tool_name, "result": data.output})
        except httpx.HTTPError:
            return ToolGuardrailFunctionOutput.reject_content("Cordon could not be told what this tool brought.")
        return ToolGuardrailFunctionOutput.allow()
