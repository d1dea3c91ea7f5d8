"""One part of a suite in one mode: its server, its gateway, and every task and pair of it, one after another.

    agent --MCP--> Cordon --MCP--> the suite's server --> environment --> AgentDojo's checkers
                     |
                   person (where one is asked)

What always holds: one environment and one session of Cordon a task; the checkers see the environment as the tools left
it. What it deliberately does not do: add figures up; it gives one row a task and a row a pair.
"""

import contextlib
import copy
import time

import httpx2
from agent import Agent, Outcome, Reply
from cordon import Cordon
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from person import Person
from servers import SuiteServer

MODES = ("allow-all", "deny-all", "cordon-off", "advisory", "advisory+person", "cordon", "cordon+person")
# What runs unless told otherwise; the others are asked for by name.
USUAL = ("allow-all", "deny-all", "cordon", "cordon+person")


def carries(mode):
    """Whether calls go through Cordon; else it is only asked."""
    return mode.startswith("cordon")


async def run_mode(bench, user_tasks, mode, attacks=True):
    """Every user task alone and with every injection; the rows."""
    if mode == "deny-all":
        return [denied(bench, task) for task in user_tasks]
    async with contextlib.AsyncExitStack() as stack:
        server = SuiteServer(bench.suite)
        url = await stack.enter_async_context(server.serving())
        # The agent's own connection, and another for what the agent has no key for.
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=120))
        beside = await stack.enter_async_context(httpx2.AsyncClient(timeout=120))
        gateway = None
        if mode != "allow-all":
            gateway = stack.enter_context(Cordon.started(bench.suite.name, url, mode == "cordon-off", carries(mode)))
            if carries(mode):
                await gateway.approve()
                url = gateway.mcp_url
                http.headers.update(gateway.agent_headers)
        part = Part(bench, server, gateway, http, beside, mode)
        part.client = await stack.enter_async_context(Client(streamable_http_client(url, http_client=http)))
        await part.client.list_tools()
        rows = []
        for task in user_tasks:
            rows.append(await part.row(task, None))
            for injection in bench.suite.injection_tasks.values() if attacks else ():
                rows.append(await part.row(task, injection))
        return rows


def denied(bench, task):
    """No call goes through, so nothing needs to travel. The agent has no answer."""
    environment = bench.environment(task)
    useful = bench.useful(task, Outcome(), environment, copy.deepcopy(environment))
    return {"task": task.ID, "injection": None, "useful": useful, "questions": 0}


class Part:
    """What the tasks of one run share."""

    def __init__(self, bench, server, gateway, http, beside, mode):
        self.bench, self.server, self.gateway, self.mode = bench, server, gateway, mode
        self.http, self.beside = http, beside
        self.client = None
        self.session = {}
        self.person = None
        if mode.endswith("+person"):
            self.person = Person(beside, gateway.admin_url, gateway.admin_key)

    async def row(self, task, injection):
        """Does one task in a fresh environment and asks AgentDojo what became of it."""
        environment = self.bench.environment(task, injection)
        before = copy.deepcopy(environment)
        self.server.environment = environment
        if self.gateway:
            self.session = await self.gateway.session(self.beside, task.PROMPT)
            self.http.headers.update(self.session)
        if self.person:
            calls = task.ground_truth(before)
            self.person.begin([(c.function, await self.bench.shaped(c, self._unknown)) for c in calls])
        began = time.monotonic()
        outcome = await Agent(self.bench.suite.name, self._call, self._asked, self.bench.shaped).work(task, injection, before)
        row = {
            "task": task.ID,
            "injection": injection and injection.ID,
            "useful": self.bench.useful(task, outcome, before, environment),
            "user_done": outcome.user_done,
            "questions": self.person.questions if self.person else 0,
            "calls": outcome.calls,
            "seconds": round(time.monotonic() - began, 4),
            "refused": outcome.refused,
        }
        if injection:
            row["seen"] = outcome.seen
            row["attack_done"] = outcome.attack_done
            row["harmed"] = self.bench.harmed(injection, outcome, before, environment)
            if self.mode == "allow-all":
                row["words"] = self.bench.only_words(injection, task)
                row["anyway"] = self.bench.harmed_anyway(task, injection)
        return row

    async def _unknown(self, _call):
        return None

    async def _asked(self, _reply):
        return bool(self.person) and await self.person.look()

    async def _call(self, name, arguments):
        """One call; where Cordon only advises, it is asked before and told after."""
        if carries(self.mode) or not self.gateway:
            return await self._tool(name, arguments)
        headers = self.gateway.agent_headers | self.session
        decided = await self.gateway.authorize(self.beside, headers, name, arguments)
        if decided["decision"] != "allow":
            return Reply([], error=True, refused=decided["reason"], approval=decided.get("approval"))
        reply = await self._tool(name, arguments)
        await self.gateway.report(self.beside, headers, decided["call"], name, reply.result)
        return reply

    async def _tool(self, name, arguments):
        try:
            result = await self.client.call_tool(name, arguments)
        except MCPError as refused:
            return Reply([], refused=f"protocol: {refused}")
        texts = [block.text for block in result.content if block.type == "text"]
        blocks = [{"type": "text", "text": text} for text in texts]
        structured = result.structured_content
        gate = structured.get("cordon") if result.is_error and isinstance(structured, dict) else None
        if gate is not None:
            why = gate.get("reason") or gate.get("status")
            return Reply(texts, error=True, refused=why, approval=gate.get("approval"))
        value = structured.get("result") if isinstance(structured, dict) else None
        texts.extend(strings(structured))
        return Reply(texts, value, error=result.is_error, result=blocks)


def strings(value):
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
