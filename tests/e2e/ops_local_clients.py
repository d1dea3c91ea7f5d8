"""Local clients: their configurations gated and brought back; the bridge that stands in for a server."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from gateway import Gateway, binary

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

    def test_the_bridge_runs_no_command(self):
        mark = self.home / "ran"
        for more in ([], ["--print"]):
            done = self.run_cordon("mcp", "wrap", *more, "--key-file", str(self.key), "--", "touch", str(mark))
            self.assertIn(f'command = ["touch", "{mark}"]', done.stdout + done.stderr)
            self.assertFalse(mark.exists())


if __name__ == "__main__":
    unittest.main()
