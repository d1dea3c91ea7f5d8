"""Local clients: their configurations gated and brought back; the bridge that stands in for a server."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from gateway import Gateway, binary

# A tool server over stdio, of the older lifecycle: it says back what it is told.
SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    tool = {"name": "say", "description": "Says it back.", "inputSchema": {"type": "object"}}
    result = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "echo", "version": "1"},
        },
        "tools/list": {"tools": [tool]},
        "tools/call": {"content": [{"type": "text", "text": json.dumps(message.get("params", {}).get("arguments"))}]},
    }.get(message["method"], {})
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
MANIFEST = """agent = "local"
owner = "o@example.com"
purpose = "a local client"
risk = "limited"
models = ["gullible"]

[[tools]]
name = "echo__say"
effect = "read"
"""
SECRET = "ghp_Kq3vT9sLmZx7Yw2Rb8Nd4Hc6Jf1Gp5Ae0UoX"


class LocalClients(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway(start=False)
        self.addCleanup(self.gateway.close)
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        self.key = self.gateway.data_dir / "first-keys/agent-dev.key"

    def client(self, name, value):
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def run_cordon(self, *arguments, **more):
        env = {**os.environ, "HOME": str(self.home)}
        command = [binary(), "--data-dir", str(self.gateway.data_dir), *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False, **more)

    def test_there_and_back(self):
        before = {"mcpServers": {"git": {"command": "mcp-server-git", "env": {"TOKEN": SECRET}}}, "other": [1]}
        path = self.client(".cursor/mcp.json", before)
        text = path.read_text()
        seen = self.run_cordon("mcp", "import", "--key-file", str(self.key))
        self.assertEqual(seen.returncode, 0, seen.stderr)
        self.assertIn("nothing was changed", seen.stdout)
        self.assertEqual(path.read_text(), text)
        done = self.run_cordon("mcp", "import", "--key-file", str(self.key), "--write")
        self.assertEqual(done.returncode, 0, done.stderr)
        for said in (seen.stdout, seen.stderr, done.stdout, done.stderr):
            self.assertNotIn(SECRET, said)
        after = json.loads(path.read_text())
        self.assertEqual(after["other"], [1])
        self.assertNotIn(SECRET, path.read_text())
        server = after["mcpServers"]["git"]
        self.assertEqual(server["args"][:2], ["mcp", "wrap"])
        self.assertEqual(server["args"][-2:], ["--server", "git"])
        # What the client would run now says what the operator has to do first.
        bridge = subprocess.run([server["command"], *server["args"]], input="", capture_output=True, text=True, timeout=60)
        self.assertEqual(bridge.returncode, 3, bridge.stderr)
        self.assertIn("[[servers]]", bridge.stderr)
        back = self.run_cordon("mcp", "restore")
        self.assertEqual(back.returncode, 0, back.stderr)
        self.assertEqual(path.read_text(), text)

    def test_a_client_reaches_its_server_through_the_bridge(self):
        script = self.client("server.py", SERVER)
        command = [sys.executable, str(script)]
        entry = f"\n[[servers]]\nid = \"echo\"\ncommand = {json.dumps(command)}\n"
        self.gateway.write("cordon.toml", self.gateway.read("cordon.toml") + entry)
        self.gateway.write("agents/local.toml", MANIFEST)
        if "servers" in self.gateway.run("check").stdout:
            self.skipTest("this gateway has no tool servers yet")
        self.gateway.start()
        key = self.client("local.key", self.gateway.key("local"))
        base = self.gateway.openai_base_url.removesuffix("/v1")
        bridge = [
            os.environ.get("CORDON_BRIDGE_BIN") or binary(),
            *("--data-dir", str(self.gateway.data_dir), "mcp", "wrap", "--url", base),
            *("--key-file", str(key), "--", *command),
        ]
        start = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }
        with subprocess.Popen(bridge, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:

            def ask(method, params, number=[0]):
                number[0] += 1
                message = {"jsonrpc": "2.0", "id": number[0], "method": method, "params": params}
                print(json.dumps(message), file=client.stdin, flush=True)
                while (answer := json.loads(client.stdout.readline())).get("id") != number[0]:
                    pass
                return answer

            self.assertEqual(ask("initialize", start)["result"]["protocolVersion"], "2025-06-18")
            print('{"jsonrpc": "2.0", "method": "notifications/initialized"}', file=client.stdin, flush=True)
            tools = ask("tools/list", {})["result"]["tools"]
            self.assertEqual([t["name"] for t in tools], ["say"])
            said = ask("tools/call", {"name": "say", "arguments": {"words": "good morning"}})
            self.assertIn("good morning", said["result"]["content"][0]["text"])
            self.assertIn("error", ask("tools/call", {"name": "shout", "arguments": {}}))
            client.stdin.close()
            self.assertEqual(client.wait(60), 0)

    def test_the_bridge_runs_no_command(self):
        mark = self.home / "ran"
        for more in ([], ["--print"]):
            done = self.run_cordon("mcp", "wrap", *more, "--key-file", str(self.key), "--", "touch", str(mark))
            self.assertIn(f'command = ["touch", "{mark}"]', done.stdout + done.stderr)
            self.assertFalse(mark.exists())


if __name__ == "__main__":
    unittest.main()
