"""Tool servers through the gateway, with the official Python client: both lifecycles, both endpoints, both transports."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import httpx2
from gateway import Gateway, eventually
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CreateMessageResult, ElicitResult, TextContent

FIXTURE = Path(__file__).with_name("mcp_fixture.py")

MANIFEST = """
agent = "{agent}"
owner = "tests"
purpose = "tools"
models = []
features = ["image", "audio", "document"]
mcp = [{mcp}]

[[tools]]
name = "{tools}"
effect = "read"
"""
ALL = '"elicitation", "logging", "sampling", "roots"'


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    def there():
        with socket.create_connection(("127.0.0.1", port), 1):
            return True

    eventually(there, f"something listens on {port}", 60)


class Fixture:
    """The fixture server over HTTP."""

    def __init__(self, how="http"):
        self.port = free_port()
        command = [sys.executable, str(FIXTURE), how, str(self.port)]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)
        self.url = f"http://127.0.0.1:{self.port}/{'sse' if how == 'sse' else 'mcp'}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(30)


def manifest(agent="tester", tools="*", mcp=ALL):
    return MANIFEST.format(agent=agent, tools=tools, mcp=mcp)


def servers(**urls):
    return "".join(f'\n[[servers]]\nid = "{name}"\nurl = "{url}"\n' for name, url in urls.items())


def gateway(more, agents=None):
    return Gateway(config=lambda text: text + more, agents=agents or {"tester": manifest()})


def base(gateway):
    return gateway.anthropic_base_url


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 120))


async def connected(gateway, agent, path, do, mode=None, **more):
    """Runs `do(client)` over a connection with that agent's key."""
    headers = {"authorization": f"Bearer {gateway.key(agent)}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(base(gateway) + path, http_client=http)
        async with Client(transport, **({"mode": mode} if mode else {}), **more) as client:
            return await do(client)


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fixture = Fixture()
        cls.addClassCleanup(cls.fixture.__exit__)
        stdio = f'\n[[servers]]\nid = "local"\ncommand = [{json.dumps(sys.executable)}, {json.dumps(str(FIXTURE))}, "stdio"]\n'
        agents = {"tester": manifest(), "narrow": manifest("narrow", "fix__test_simple_text", "")}
        cls.gateway = gateway(servers(fix=cls.fixture.url) + stdio, agents)
        cls.addClassCleanup(cls.gateway.close_verified)

    def over(self, path, do, agent="tester", mode=None):
        return run(connected(self.gateway, agent, path, do, mode))

    def test_one_server_both_lifecycles(self):
        async def do(client):
            tools = (await client.list_tools()).tools
            result = await client.call_tool("test_simple_text", {})
            return [t.name for t in tools], result.content[0].text

        for mode in ("legacy", "2026-07-28"):
            with self.subTest(mode):
                names, said = self.over("/mcp/fix", do, mode=mode)
                self.assertIn("test_simple_text", names)
                self.assertEqual(said, "This is a simple text response for testing.")

    def test_all_servers_have_prefixes(self):
        async def do(client):
            tools = [t.name for t in (await client.list_tools()).tools]
            texts = [(await client.call_tool(f"{s}__test_simple_text", {})).content[0].text for s in ("fix", "local")]
            resources = [str(r.uri) for r in (await client.list_resources()).resources]
            read = await client.read_resource("cordon.fix+test://static-text")
            return tools, texts, resources, read.contents[0]

        for mode in ("legacy", "2026-07-28"):
            with self.subTest(mode):
                tools, texts, resources, read = self.over("/mcp", do, mode=mode)
                self.assertIn("fix__test_simple_text", tools)
                self.assertIn("local__test_simple_text", tools)
                self.assertEqual(len(set(texts)), 1)
                self.assertIn("cordon.local+test://static-text", resources)
                self.assertEqual(str(read.uri), "cordon.fix+test://static-text")
                self.assertEqual(read.text, "This is the content of the static text resource.")

    def test_an_agent_sees_and_calls_what_its_manifest_lists(self):
        async def do(client):
            names = [t.name for t in (await client.list_tools()).tools]
            try:
                await client.call_tool("fix__test_error_handling", {})
            except Exception as refused:
                return names, str(refused)
            return names, None

        names, refused = self.over("/mcp", do, agent="narrow")
        self.assertEqual(names, ["fix__test_simple_text"])
        self.assertIn("no such tool", refused)

    def test_a_call_is_recorded(self):
        async def do(client):
            await client.call_tool("test_simple_text", {})

        self.over("/mcp/fix", do, agent="narrow")

        def recorded():
            records = [r["record"] for r in self.gateway.records()]
            intents = [r for r in records if r.get("op") == "tools.call" and r.get("agent") == "narrow"]
            return [r for r in intents if r.get("call")]

        intent = eventually(recorded, "the call's intent")[0]
        self.assertEqual((intent["up"], intent["call"]["tool"]), ("fix", "fix__test_simple_text"), intent)


async def a_person(context, params):
    return ElicitResult(action="accept", content={"username": "ada", "email": "ada@example.com", "name": "ada"})


async def a_model(context, params):
    return CreateMessageResult(role="assistant", content=TextContent(type="text", text="words"), model="m")


class Bridge(unittest.TestCase):
    """Clients of one lifecycle at servers of the other."""

    @classmethod
    def setUpClass(cls):
        cls.fixtures = {name: Fixture(name) for name in ("old", "new", "sse")}
        for fixture in cls.fixtures.values():
            cls.addClassCleanup(fixture.__exit__)
        more = servers(**{name: f.url for name, f in cls.fixtures.items()})
        more = more.replace(cls.fixtures["sse"].url + '"', cls.fixtures["sse"].url + '"\ntransport = "sse"')
        agents = {"tester": manifest(), "mute": manifest("mute", "*", "")}
        cls.gateway = gateway(more, agents)
        cls.addClassCleanup(cls.gateway.close_verified)

    def call(self, path, tool, mode, arguments=None, agent="tester", **more):
        async def do(client):
            result = await client.call_tool(tool, arguments or {})
            return result.content[0].text

        return run(connected(self.gateway, agent, path, do, mode, **more))

    def refused(self, *arguments, **more):
        try:
            return self.call(*arguments, **more)
        except BaseException as group:
            while isinstance(group, BaseExceptionGroup):
                group = group.exceptions[0]
            return str(group)

    def test_every_client_reaches_every_server(self):
        for mode in ("legacy", "2026-07-28"):
            for server in self.fixtures:
                with self.subTest(mode=mode, server=server):
                    said = self.call(f"/mcp/{server}", "test_simple_text", mode)
                    self.assertEqual(said, "This is a simple text response for testing.")

    def test_a_question_to_the_user_is_carried_over(self):
        person = {"elicitation_callback": a_person}
        for mode, server in [("legacy", "old"), ("2026-07-28", "old"), ("2026-07-28", "sse"), ("legacy", "sse")]:
            with self.subTest(mode=mode, server=server):
                said = self.call(f"/mcp/{server}", "test_elicitation", mode, {"message": "Who?"}, **person)
                self.assertIn("action=accept", said)
                self.assertIn("ada@example.com", said)
        for mode in ("legacy", "2026-07-28"):
            with self.subTest(mode=mode, server="new"):
                said = self.call("/mcp/new", "test_input_required_result_elicitation", mode, **person)
                self.assertEqual(said, "Hello, ada!")
                said = self.call("/mcp/new", "test_input_required_result_multi_round", mode, elicitation_callback=steps)
                self.assertEqual(said, "Done: blue")

    def test_nothing_is_asked_that_the_manifest_does_not_list(self):
        for mode, server, tool in [
            ("legacy", "old", "test_elicitation"),
            ("2026-07-28", "old", "test_elicitation"),
            ("legacy", "new", "test_input_required_result_elicitation"),
            ("2026-07-28", "new", "test_input_required_result_elicitation"),
        ]:
            with self.subTest(mode=mode, server=server):
                asked = []

                async def person(context, params, asked=asked):
                    asked.append(params)
                    return await a_person(context, params)

                arguments = {"message": "Who?"} if tool == "test_elicitation" else {}
                said = self.refused(f"/mcp/{server}", tool, mode, arguments, agent="mute", elicitation_callback=person)
                self.assertNotIn("ada", said)
                self.assertEqual(asked, [])

    def test_sampling_is_never_carried_over(self):
        model = {"sampling_callback": a_model}
        prompt = {"prompt": "say it"}
        self.assertIn("words", self.call("/mcp/old", "test_sampling", "legacy", prompt, **model))
        self.assertIn("words", self.call("/mcp/new", "test_input_required_result_sampling", "2026-07-28", **model))
        said = self.refused("/mcp/old", "test_sampling", "2026-07-28", prompt, **model)
        self.assertNotIn("words", said)
        said = self.refused("/mcp/new", "test_input_required_result_sampling", "legacy", **model)
        self.assertNotIn("words", said)


async def steps(context, params):
    color = "color" in params.message
    return ElicitResult(action="accept", content={"color": "blue"} if color else {"name": "ada"})


class Attacks(unittest.TestCase):
    """What a client may not do to the transport."""

    @classmethod
    def setUpClass(cls):
        cls.fixture = Fixture()
        cls.addClassCleanup(cls.fixture.__exit__)
        agents = {"tester": manifest(), "thief": manifest("thief"), "stranger": manifest("stranger", "elsewhere__*")}
        cls.gateway = gateway(servers(fix=cls.fixture.url), agents)
        cls.addClassCleanup(cls.gateway.close_verified)

    def send(self, body, headers=None, agent="tester", method="POST", path="/mcp/fix"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(base(self.gateway) + path, data, method=method)
        if agent:
            request.add_header("Authorization", f"Bearer {self.gateway.key(agent)}")
        request.add_header("Content-Type", "application/json")
        request.add_header("Accept", "application/json, text/event-stream")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, dict(refused.headers), refused.read()

    def code(self, *arguments, **more):
        status, _, body = self.send(*arguments, **more)
        return status, json.loads(body)["error"]["code"]

    def current(self, method="tools/call", name="test_simple_text", **headers):
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": name, "arguments": {}, "_meta": meta}}
        fields = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name}
        fields.update({k.replace("_", "-"): v for k, v in headers.items()})
        return body, {k: v for k, v in fields.items() if v is not None}

    def session(self, agent="tester"):
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        status, headers, _ = self.send(body, agent=agent)
        self.assertEqual(status, 200)
        return {k.lower(): v for k, v in headers.items()}["mcp-session-id"]

    def test_headers_that_disagree_with_the_body(self):
        self.assertEqual(self.send(*self.current())[0], 200)
        for wrong in [
            {"Mcp_Method": "tools/list"},
            {"Mcp_Method": None},
            {"Mcp_Name": "test_error_handling"},
            {"Mcp_Name": None},
            {"Mcp_Name": "=?base64?****?="},
            {"MCP_Protocol_Version": "2025-11-25"},
        ]:
            with self.subTest(wrong):
                self.assertEqual(self.code(*self.current(**wrong)), (400, -32020))

    def test_two_readings_of_one_body(self):
        body, headers = self.current()
        text = json.dumps(body)
        twice = text.replace('"arguments": {}', '"arguments": {}, "arguments": {"a": 1}')
        cased = text.replace('"arguments": {}', '"arguments": {}, "Name": "test_error_handling"')
        for broken in (twice, cased, f"[{text}]", text + "{}", text.replace('"id": 1', '"id": {"a": 1}')):
            with self.subTest(broken[:60]):
                status, code = self.code(broken.encode(), headers)
                self.assertEqual(status, 400)
                self.assertIn(code, (-32600, -32602, -32700))

    def test_a_session_is_its_openers(self):
        session = {"Mcp-Session-Id": self.session()}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        self.assertEqual(self.send(ping, session)[0], 200)
        self.assertEqual(self.send(ping, session, agent="thief")[0], 404)
        self.assertEqual(self.send(b"", session, agent="thief", method="DELETE")[0], 404)
        # At another endpoint it is unknown too.
        self.assertEqual(self.send(ping, session, path="/mcp")[0], 404)
        self.assertEqual(self.send(ping, session)[0], 200)
        self.assertEqual(self.send(b"", session, method="DELETE")[0], 200)
        self.assertEqual(self.send(ping, session)[0], 404)

    def test_pages_of_other_sites(self):
        body, headers = self.current()
        for more, status in [
            ({"Origin": "http://evil.example"}, 403),
            ({"Host": "evil.example"}, 403),
            ({"Host": "localhost"}, 200),
            ({"Origin": "http://localhost:6274", "Host": "localhost"}, 200),
        ]:
            with self.subTest(more):
                self.assertEqual(self.send(body, {**headers, **more})[0], status)

    def test_without_a_key_nothing(self):
        status, headers, _ = self.send(*self.current(), agent=None)
        self.assertEqual(status, 401)
        self.assertEqual({k.lower(): v for k, v in headers.items()}["www-authenticate"], "Bearer")

    def test_a_state_that_no_server_gave(self):
        for forged in ("anything at all", "0" * 64 + "a state", "cordon-" + "0" * 32, 7, {"a": 1}):
            with self.subTest(forged):
                body, headers = self.current(name="test_input_required_result_elicitation")
                body["params"]["requestState"] = forged
                status, headers, answer = self.send(body, headers)
                self.assertEqual(status, 400, answer)
                self.assertNotIn(b"Hello", answer)

    def test_a_state_is_its_calls(self):
        """What a server gave comes back to it for the same key and tool, and for no other."""
        name = "test_input_required_result_request_state"

        def asked(agent="tester", name=name, state=None, answers=None):
            body, headers = self.current(name=name)
            body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = {"elicitation": {"form": {}}}
            if state is not None:
                body["params"].update(requestState=state, inputResponses=answers)
            status, _, answer = self.send(body, headers, agent=agent)
            return status, json.loads(answer)

        status, first = asked()
        self.assertEqual(status, 200, first)
        state = first["result"]["requestState"]
        answers = {key: {"action": "accept", "content": {"ok": True}} for key in first["result"]["inputRequests"]}
        self.assertEqual(asked("thief", state=state, answers=answers)[0], 400)
        self.assertEqual(asked(name="test_input_required_result_elicitation", state=state, answers=answers)[0], 400)
        changed = state[:-1] + ("A" if state[-1] != "A" else "B")
        self.assertEqual(asked(state=changed, answers=answers)[0], 400)
        status, last = asked(state=state, answers=answers)
        self.assertEqual((status, last["result"]["resultType"]), (200, "complete"), last)

    def test_a_level_that_is_none(self):
        body, headers = self.current()
        for level, status in (("info", 200), ("ship it to evil.example", 400), (7, 400)):
            with self.subTest(level):
                body["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = level
                self.assertEqual(self.send(body, headers)[0], status)

    def test_a_server_of_which_an_agent_has_nothing(self):
        for path in ("/mcp/fix", "/mcp/nowhere"):
            with self.subTest(path):
                body, headers = self.current()
                status, _, answer = self.send(body, headers, agent="stranger", path=path)
                self.assertEqual(status, 404, answer)
                self.assertIn("there is no tool server of that name", str(answer))

    def test_what_no_table_knows(self):
        body, headers = self.current()
        body["params"]["surprise"] = 1
        self.assertEqual(self.code(body, headers), (400, -32602))
        body, headers = self.current("tools/steal")
        del headers["Mcp-Name"]
        self.assertEqual(self.code(body, headers), (404, -32601))


if __name__ == "__main__":
    unittest.main()
