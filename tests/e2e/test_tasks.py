"""Tasks (SEP-2663) through the gateway: the official suite's scenarios, direct and through; and what a task may not do."""

import json
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from gateway import eventually
from mcp_front import Front
from raw_tools import post
from test_mcp import ALL, base, free_port, gateway, manifest, servers, wait_for
from test_mcp_conformance import NODE, SUITES

FIXTURE = Path(__file__).with_name("tasks_fixture.py")
SCENARIOS = [
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
    "tasks-required-task-error",
    "tasks-mrtr-composition",
]
EXTENSION = "io.modelcontextprotocol/tasks"


class Fixture:
    def __init__(self):
        self.port = free_port()
        command = [sys.executable, str(FIXTURE), str(self.port)]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)
        self.url = f"http://127.0.0.1:{self.port}/mcp"

    def seen(self, method):
        with urllib.request.urlopen(self.url) as answer:
            return [asked for asked in json.load(answer) if asked["method"] == method]

    def close(self):
        self.child.terminate()
        self.child.wait(30)


def checks(scenario, url):
    """Which checks of a scenario passed, and which failed with what."""
    with tempfile.TemporaryDirectory() as out:
        command = [NODE, SUITES["alpha"], "server", "--url", url, "--scenario", scenario, "--force", "--output-dir", out]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
        read = [json.loads((folder / "checks.json").read_text()) for folder in Path(out).iterdir()]
        if not read:
            raise AssertionError(f"{scenario} did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = [check for one in read for check in one]
        passed = {c["id"] for c in found if c["status"] in ("SUCCESS", "INFO")}
        failed = {c["id"]: c.get("errorMessage", "") for c in found if c["status"] == "FAILURE"}
        return passed, failed


@unittest.skipUnless(NODE.exists() and SUITES["alpha"].exists(), "the npm packages are not installed")
class Suite(unittest.TestCase):
    """At one server's endpoint the names are the server's own, as the suite wants them."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.fixture = Fixture()
        cls.addClassCleanup(cls.fixture.close)
        cls.gateway = gateway(servers(jobs=cls.fixture.url), {"tester": manifest(mcp=ALL)})
        cls.addClassCleanup(cls.gateway.close_verified)
        where = urlsplit(base(cls.gateway))
        cls.front = Front(where.hostname, where.port, cls.gateway.key("tester"))
        cls.addClassCleanup(cls.front.__exit__)

    def test_what_passes_direct_passes_through(self):
        count = 0
        for scenario in SCENARIOS:
            with self.subTest(scenario):
                direct, wrong = checks(scenario, self.fixture.url)
                self.assertEqual(wrong, {}, "the fixture itself")
                through, why = checks(scenario, f"http://127.0.0.1:{self.front.port}/mcp/jobs")
                self.assertEqual((why, direct - through), ({}, set()))
                count += len(through)
        print(f"conformance of tasks: {count} checks pass, direct and through", file=sys.stderr)
        self.assertGreater(count, 38)


AGENT = """
agent = "{agent}"
owner = "tests"
purpose = "jobs"
models = []
features = ["image", "document"]
mcp = ["elicitation"]

[data.prompt]
injection = "block"
payment_card = "mask"

[[tools]]
name = "jobs__*"
effect = "read"
"""


class Guarded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fixture = Fixture()
        cls.addClassCleanup(cls.fixture.close)
        agents = {name: AGENT.format(agent=name) for name in ("tester", "other")}
        agents["narrow"] = AGENT.format(agent="narrow").replace("jobs__*", "jobs__greet")
        cls.gateway = gateway(servers(jobs=cls.fixture.url), agents)
        cls.addClassCleanup(cls.gateway.close_verified)

    def ask(self, method, agent="tester", able=True, path="/mcp", **params):
        capabilities = {"elicitation": {"form": {}}, **({"extensions": {EXTENSION: {}}} if able else {})}
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": capabilities}
        named = params.get("taskId") or params.get("name")
        headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method, "accept": "application/json, text/event-stream", **({"mcp-name": named} if named else {})}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        return post(self.gateway, path, message, agent, headers)

    def call(self, tool, agent="tester", **arguments):
        return self.ask("tools/call", agent, name=f"jobs__{tool}", arguments=arguments).message["result"]

    def over(self, task, agent="tester"):
        """How the task stands when it is over, or wants something."""
        for _ in range(200):
            heard = self.ask("tasks/get", agent, taskId=task)
            if "error" in heard.message or heard.message["result"]["status"] != "working":
                return heard
            time.sleep(0.05)
        raise AssertionError("the task does not end")

    def test_a_handle_is_the_gateways_and_serves_its_key_alone(self):
        made = self.call("slow_compute", seconds=0, label="mine")
        self.assertRegex(made["taskId"], r"^[0-9a-f]{32}$")
        said = self.over(made["taskId"]).message["result"]
        self.assertEqual((said["taskId"], said["status"]), (made["taskId"], "completed"))
        self.assertEqual(said["result"]["content"][0]["text"], "computed mine")
        for method, agent in (("tasks/get", "other"), ("tasks/cancel", "other"), ("tasks/get", "narrow")):
            with self.subTest(method=method, agent=agent):
                before = len(self.fixture.seen(method))
                heard = self.ask(method, agent, taskId=made["taskId"])
                self.assertEqual(heard.message["error"]["code"], -32602)
                self.assertEqual(len(self.fixture.seen(method)), before, "the server was not asked")
        # The server's own name for it opens nothing, for nobody.
        own = self.fixture.seen("tasks/get")[-1]["params"]["taskId"]
        self.assertEqual(self.ask("tasks/get", taskId=own).message["error"]["code"], -32602)
        # At another server's endpoint there is no such task either.
        self.assertEqual(self.ask("tasks/get", taskId=made["taskId"], path="/mcp/jobs").message["result"]["status"], "completed")

    def test_what_a_task_brings_is_inspected(self):
        said = self.over(self.call("fetch_record")["taskId"])
        self.assertNotIn("4111", json.dumps(said.message))
        result = said.message["result"]["result"]
        self.assertRegex(result["content"][0]["text"], r"paid with \S")
        self.assertTrue(result["content"][1]["uri"].startswith("cordon.jobs+"), "URIs lead back")
        heard = self.over(self.call("read_poisoned")["taskId"])
        self.assertIn("finding_refused", json.dumps(heard.message))
        self.assertNotIn("eve@evil.example", json.dumps(heard.message))

    def test_what_it_asks_for_is_asked_where_the_manifest_lets_it(self):
        task = self.call("confirm_delete", filename="a.txt")["taskId"]
        said = self.over(task).message["result"]
        self.assertEqual((said["status"], list(said["inputRequests"])), ("input_required", ["confirm"]))
        answer = {"confirm": {"action": "accept", "content": {"confirm": True, "note": "card 4111 1111 1111 1111"}}}
        self.assertEqual(self.ask("tasks/update", taskId=task, inputResponses=answer).message["result"], {"resultType": "complete"})
        self.assertEqual(self.over(task).message["result"]["status"], "completed")
        sent = json.dumps(self.fixture.seen("tasks/update")[-1])
        self.assertIn('"confirm": true', sent)
        self.assertNotIn("4111 1111 1111 1111", sent, "what the user answers leaves as arguments do")
        # A server may not spend the agent's model budget by way of a task.
        heard = self.over(self.call("ask_for_model")["taskId"])
        self.assertIn("manifest", heard.message["error"]["message"])

    def test_a_kill_ends_it(self):
        task = self.call("slow_compute", seconds=60)["taskId"]
        self.assertEqual(self.ask("tasks/get", taskId=task).message["result"]["status"], "working")
        self.gateway.cordon("kill", "tool:jobs__slow_compute")
        try:
            before = len(self.fixture.seen("tasks/get"))
            self.assertEqual(self.ask("tasks/get", taskId=task).message["error"]["code"], -32602)
            self.assertEqual(len(self.fixture.seen("tasks/get")), before)
        finally:
            self.gateway.cordon("unkill", "tool:jobs__slow_compute")
        self.assertEqual(self.ask("tasks/cancel", taskId=task).message["result"], {"resultType": "complete"})
        self.assertEqual(self.over(task).message["result"]["status"], "cancelled")

    def test_who_does_not_know_tasks_gets_none(self):
        heard = self.ask("tools/call", able=False, name="jobs__slow_compute", arguments={"seconds": 0, "label": "now"})
        self.assertEqual(heard.text, "computed now")
        heard = self.ask("tasks/get", able=False, taskId="x")
        self.assertEqual(heard.message["error"]["code"], -32021)
        self.assertIn(EXTENSION, heard.message["error"]["data"]["requiredCapabilities"]["extensions"])

    def test_records_say_so(self):
        task = self.call("slow_compute", seconds=0)["taskId"]
        heard = self.over(task)
        kept = eventually(lambda: [e["record"] for e in self.gateway.records() if e["record"].get("rq") == heard.request], "its records are published")
        self.assertEqual([r["t"] for r in kept], ["intent", "outcome"])
        self.assertEqual((kept[0]["op"], kept[0]["dec"]), ("tasks", "allowed"))
        # A pattern in the manifest names no tool: its records know it by a digest, the same for the call and its task.
        called = {json.dumps(e["record"]["call"]["tool"]) for e in self.gateway.records() if e["record"].get("op") == "tools.call"}
        self.assertIn(json.dumps(kept[0]["call"]["tool"]), called)
        self.assertNotIn(task, json.dumps(kept))


if __name__ == "__main__":
    unittest.main()
