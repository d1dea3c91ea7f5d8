"""The official MCP conformance suite, direct and through the gateway: what the server passes direct, it passes through.

The suite (npm) is in two versions, its latest and its newest alpha; it needs Node 22 or newer, which the npm package
`node` carries. The server is `mcp_fixture.py`.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from mcp_front import Front
from test_mcp import ALL, Fixture, base, gateway, manifest, servers

MODULES = Path(__file__).with_name("ts") / "node_modules"
NODE = MODULES / "node/bin/node"
SUITES = {
    "latest": MODULES / "@modelcontextprotocol/conformance/dist/index.js",
    "alpha": MODULES / "conformance-alpha/dist/index.js",
}
RUNS = [("latest", []), ("alpha", ["--requirements", "2025-11-25"]), ("alpha", ["--requirements", "2026-07-28"])]
# The fixture has none of the tools that these scenarios ask for, so that what passes there says nothing; the suite does
# not score them. `test_tasks.py` runs them against a server that has all of them.
UNSCORED = re.compile(r"^tasks-")


def results(suite, arguments, url):
    """Scenario and check of all that passed, and of all that failed."""
    with tempfile.TemporaryDirectory() as out:
        command = [NODE, SUITES[suite], "server", "--url", url, *arguments, "--output-dir", out]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False)
        passed, failed = set(), {}
        for folder in Path(out).iterdir():
            scenario = re.sub(r"-\d{4}-\d{2}-\d{2}T.*$", "", folder.name.removeprefix("server-"))
            for check in json.loads((folder / "checks.json").read_text()):
                key = (scenario, check["id"])
                # INFO: the suite looked, and either way is right (a list may come as JSON or as a stream).
                if check["status"] in ("SUCCESS", "INFO"):
                    passed.add(key)
                elif check["status"] == "FAILURE":
                    failed[key] = check.get("errorMessage", "")
        if not passed:
            raise AssertionError(f"the suite did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return passed - set(failed), failed


@unittest.skipUnless(NODE.exists() and all(s.exists() for s in SUITES.values()), "the npm packages are not installed")
class Conformance(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.fixture = Fixture()
        cls.addClassCleanup(cls.fixture.__exit__)
        cls.gateway = gateway(servers(fix=cls.fixture.url), {"tester": manifest(mcp=ALL)})
        cls.addClassCleanup(cls.gateway.close_verified)
        where = urlsplit(base(cls.gateway))
        cls.front = Front(where.hostname, where.port, cls.gateway.key("tester"))
        cls.addClassCleanup(cls.front.__exit__)

    def test_what_passes_direct_passes_through(self):
        for suite, arguments in RUNS:
            with self.subTest(suite=suite, arguments=arguments):
                direct, _ = results(suite, arguments, self.fixture.url)
                through, why = results(suite, arguments, f"http://127.0.0.1:{self.front.port}/mcp/fix")
                lost = {key: why.get(key, "missing") for key in direct - through if not UNSCORED.match(key[0])}
                print(f"conformance {suite} {' '.join(arguments)}: direct {len(direct)}, through {len(through)}", file=sys.stderr)
                self.assertEqual(lost, {})
                self.assertGreater(len(direct), 30)


CLIENT = Path(__file__).with_name("mcp_suite_client.py")
# What a client must do that is not about OAuth: Cordon's way to a server, by the suite's own servers.
CLIENT_RUNS = {
    "2025-11-25": ["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"],
    "2026-07-28": [
        "tools_call",
        "request-metadata",
        "sep-2322-client-request-state",
        "http-standard-headers",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
    ],
}


@unittest.skipUnless(NODE.exists() and SUITES["alpha"].exists(), "the npm packages are not installed")
class Client(unittest.TestCase):
    """The suite's client mode against the gateway's way to servers."""

    def test_every_scenario(self):
        for revision, scenarios in CLIENT_RUNS.items():
            for scenario in scenarios:
                with self.subTest(revision=revision, scenario=scenario), tempfile.TemporaryDirectory() as out:
                    client = f"{sys.executable} {CLIENT}"
                    command = [NODE, SUITES["alpha"], "client", "--command", client, "--scenario", scenario]
                    command += ["--spec-version", revision, "--timeout", "90000", "--output-dir", out]
                    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=180, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-2000:])
                    self.assertIn("0 failed", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
