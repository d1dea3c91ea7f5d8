"""The examples over the official agent SDKs: what the user said goes out, what a ticket said does not.

Once with the model behind Cordon, where the call in the model's answer is judged already, and once with the model
elsewhere, where the guard before the tool is all that there is.
"""

import os
import subprocess
import unittest

from gateway import ROOT, Gateway, Gullible

PYTHON = ROOT / ".tools/venv-agents/bin/python"
EXAMPLES = {
    "python": [PYTHON, ROOT / "examples/agents-python/support.py"],
    "typescript": ["node", ROOT / "examples/agents-typescript/support.js"],
}
MANIFEST = """
agent = "support"
owner = "support@example.com"
purpose = "answers tickets"
risk = "limited"
mode = "enforce"
models = ["*"]
user_turns = "human"

[[tools]]
name = "read_ticket"
effect = "read"

[[tools]]
name = "send_mail"
effect = "send"
target = ["to"]
"""


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = Gullible()
        cls.addClassCleanup(cls.model.stop)
        cls.gateway = Gateway(agents={"support": MANIFEST})
        cls.addClassCleanup(cls.gateway.close_verified)
        cls.front = cls.gateway.new_key("support", "front")["text"]

    def work(self, which, **more):
        env = {
            **os.environ,
            "CORDON_URL": self.gateway.anthropic_base_url,
            "CORDON_KEY": self.gateway.key("support"),
            "CORDON_FRONT": self.front,
            **more,
        }
        command = list(map(str, EXAMPLES[which]))
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_a_strangers_words_send_nothing(self):
        for which in EXAMPLES:
            for model in ("behind Cordon", "elsewhere"):
                with self.subTest(which=which, model=model):
                    more = {} if model == "behind Cordon" else {"MODEL_URL": self.model.openai_base_url}
                    said = self.work(which, **more)
                    self.assertIn("sent:  ann@example.com\n", said)
                    self.assertNotIn("sent to eve", said)
                    self.assertIn("waits for approval", said)

    def test_a_guard_that_cannot_be_asked_runs_nothing(self):
        stranger = Gateway()
        self.addCleanup(stranger.close)
        for which in EXAMPLES:
            with self.subTest(which):
                # A key that the gateway of the guard does not know; the model is reached all the same.
                more = {"MODEL_URL": self.model.openai_base_url, "CORDON_KEY": stranger.key()}
                self.assertIn("sent:  nothing", self.work(which, **more))


if __name__ == "__main__":
    unittest.main()
