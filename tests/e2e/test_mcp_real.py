"""Real tool servers behind the gateway, and the other official clients: the TypeScript SDKs and the Inspector."""

import functools
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from test_mcp import base, connected, gateway, manifest, run

MODULES = Path(os.environ.get("CORDON_NODE_MODULES") or Path(__file__).with_name("ts") / "node_modules")
NODE = MODULES / "node/bin/node"
SCOPE = MODULES / "@modelcontextprotocol"
NEEDED = [NODE, SCOPE / "server-everything", SCOPE / "server-filesystem", SCOPE / "inspector", SCOPE / "client"]


def entry(package):
    """The program that an npm package names."""
    about = json.loads((SCOPE / package / "package.json").read_text())
    names = about["bin"] if isinstance(about["bin"], dict) else {package: about["bin"]}
    return str(SCOPE / package / next(iter(names.values())))


def server(name, command, **more):
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    return f"\n[[servers]]\nid = {json.dumps(name)}\ncommand = {json.dumps(command)}\n{lines}"


@unittest.skipUnless(all(p.exists() for p in NEEDED), "the npm packages are not installed")
class Real(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name).resolve()
        (cls.folder / "note.txt").write_text("a note to read\n")
        git = functools.partial(subprocess.run, cwd=cls.folder, check=True, capture_output=True)
        git(["git", "init", "-q"])
        git(["git", "add", "."])
        git(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "first"])
        page = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(cls.folder))
        cls.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), page)
        threading.Thread(target=cls.web.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.web.shutdown)
        more = (
            server("everything", [str(NODE), entry("server-everything"), "stdio"])
            + server("files", [str(NODE), entry("server-filesystem"), str(cls.folder)])
            + server("git", [sys.executable, "-m", "mcp_server_git", "--repository", str(cls.folder)])
            + server("web", [sys.executable, "-m", "mcp_server_fetch", "--ignore-robots-txt", "--allow-private-ips"])
        )
        cls.gateway = gateway(more, {"tester": manifest()})
        cls.addClassCleanup(cls.gateway.close_verified)

    def calls(self):
        port = self.web.server_address[1]
        return [
            ("everything__echo", {"message": "hello there"}, "hello there"),
            ("files__read_text_file", {"path": str(self.folder / "note.txt")}, "a note to read"),
            ("git__git_log", {"repo_path": str(self.folder)}, "first"),
            ("web__fetch", {"url": f"http://127.0.0.1:{port}/note.txt"}, "a note to read"),
        ]

    def test_the_python_client(self):
        async def do(client):
            names = [t.name for t in (await client.list_tools()).tools]
            said = [(await client.call_tool(tool, arguments)).content[0].text for tool, arguments, _ in self.calls()]
            return names, said

        for mode in ("legacy", "2026-07-28"):
            with self.subTest(mode):
                names, said = run(connected(self.gateway, "tester", "/mcp", do, mode))
                for (tool, _, expected), text in zip(self.calls(), said):
                    self.assertIn(tool, names)
                    self.assertIn(expected, text)

    def node(self, *command):
        done = subprocess.run([str(NODE), *command], capture_output=True, text=True, timeout=120, check=False, cwd=MODULES.parent)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_the_typescript_clients(self):
        script = os.environ.get("CORDON_MCP_MJS") or str(Path(__file__).with_name("ts") / "mcp.mjs")
        for which in ("v1", "v2"):
            for tool, arguments, expected in self.calls():
                with self.subTest(which=which, tool=tool):
                    key = self.gateway.key("tester")
                    out = json.loads(self.node(script, which, base(self.gateway) + "/mcp", key, tool, json.dumps(arguments)))
                    self.assertIn(tool, out["tools"])
                    self.assertIn(expected, out["result"]["content"][0]["text"])

    def test_the_inspector(self):
        cli = entry("inspector")
        key = f"Authorization: Bearer {self.gateway.key('tester')}"
        common = ["--cli", base(self.gateway) + "/mcp", "--transport", "http", "--header", key]
        listed = self.node(cli, *common, "--method", "tools/list")
        self.assertIn("files__read_text_file", listed)
        called = ["--method", "tools/call", "--tool-name", "everything__echo", "--tool-arg", "message=hello"]
        self.assertIn("hello", self.node(cli, *common, *called))


if __name__ == "__main__":
    unittest.main()
