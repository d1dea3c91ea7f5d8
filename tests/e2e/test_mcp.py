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


async def connected(gateway, agent, path, do, mode=None):
    """Runs `do(client)` over a connection with that agent's key."""
    headers = {"authorization": f"Bearer {gateway.key(agent)}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(base(gateway) + path, http_client=http)
        async with Client(transport, **({"mode": mode} if mode else {})) as client:
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
            return [r for r in intents if r.get("tool")]

        intent = eventually(recorded, "the call's intent")[0]
        self.assertEqual((intent["up"], intent["tool"]), ("fix", "fix__test_simple_text"), intent)


if __name__ == "__main__":
    unittest.main()
