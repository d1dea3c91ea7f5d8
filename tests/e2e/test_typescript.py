"""The official TypeScript clients, direct to an upstream and through Cordon: the same script, the same results."""

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from compare import first_difference
from gateway import ANTHROPIC_MODEL, OPENAI_MODEL, Gateway, Gullible, eventually

FOLDER = Path(__file__).with_name("ts")
SCRIPT = FOLDER / "scenarios.mjs"


def names(group):
    """The scenarios of one group, read from the script, so that each is a test of its own."""
    body = re.search(rf"^const {group} = \{{$(.*?)^\}};$", SCRIPT.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r"^  async (\w+)\(", body.group(1), re.MULTILINE)


def run(server, key, only=""):
    """What each scenario gave."""
    env = {
        **os.environ, "BASE_OPENAI": server.openai_base_url, "BASE_ANTHROPIC": server.anthropic_base_url, "KEY": key,
        "MODEL_OPENAI": OPENAI_MODEL, "MODEL_ANTHROPIC": ANTHROPIC_MODEL, "ONLY": only,
    }
    done = subprocess.run(
        ["node", SCRIPT], cwd=FOLDER, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"node ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


class TypeScript(unittest.TestCase):
    """Both runs are made once; each scenario is compared in a test of its own."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        if not shutil.which("node") or not (FOLDER / "node_modules/openai").is_dir():
            raise unittest.SkipTest("node or tests/e2e/ts/node_modules is not there (`npm ci` in tests/e2e/ts)")
        cls.gullible = Gullible()
        cls.addClassCleanup(cls.gullible.stop)
        cls.gateway = Gateway(upstream=cls.gullible)
        cls.addClassCleanup(cls.gateway.close_verified)
        cls.direct = run(cls.gullible, "none")
        cls.through = run(cls.gateway, cls.gateway.key())
        cls.gate = run(cls.gateway, cls.gateway.key(), "gate")

    def compare(self, name):
        direct, through = self.direct[name], self.through[name]
        self.assertNotIn("failed", direct, direct.get("failed"))
        self.assertNotIn("failed", through, through.get("failed"))
        self.assertEqual("", first_difference(direct["result"], through["result"]))

    def test_aborted_streams_are_recorded_as_such(self):
        def ended():
            records = [entry["record"] for entry in self.gateway.records()]
            return [r for r in records if r["t"] == "outcome" and r.get("end") == "caller_gone"]

        eventually(lambda: len(ended()) == 2, "two outcomes that say that the caller went")

    def masked_and_refused(self, name, refusal):
        done = self.gate[f"gate.{name}"]
        self.assertNotIn("failed", done, done.get("failed"))
        half = len(done["result"]) // 2
        for stream, results in ((False, done["result"][:half]), (True, done["result"][half:])):
            with self.subTest(stream=stream):
                card, parallel, listed, foreign, injected = results
                self.assertIn("My card is [PAYMENT_CARD], keep it", card["text"])
                self.assertEqual([["get_weather", {"city": "Bern"}]], [[n, json.loads(a)] for n, a in parallel["calls"]])
                self.assertIn("[Cordon refused this tool call", parallel["text"])
                self.assertEqual(
                    [["send_mail", {"to": "ann@example.com", "body": "hello"}]],
                    [[n, json.loads(a)] for n, a in listed["calls"]],
                )
                self.assertEqual([], foreign["calls"])
                self.assertIn("[Cordon refused this tool call", foreign["text"])
                self.assertEqual(refusal, injected)

    def test_gate_openai(self):
        refusal = {"class": "PermissionDeniedError", "status": 403, "code": "finding_refused"}
        self.masked_and_refused("openaiMasksAndRefuses", refusal)

    def test_gate_anthropic(self):
        self.masked_and_refused("anthropicMasksAndRefuses", {"class": "PermissionDeniedError", "status": 403})


def fill():
    for group in ("openai", "anthropic"):
        for name in names(group):
            case = f"{group}.{name}"
            setattr(TypeScript, f"test_{group}_{name}", lambda self, case=case: self.compare(case))


fill()
