"""A held call put before the end user in their own client, with the official Python client in both lifecycles."""

import json
import unittest

from gateway import Gateway
from mcp_types import ElicitResult
from test_mcp import connected, run
from test_pins import Server, tool

MANIFEST = """
agent = "{agent}"
owner = "tests@example.com"
purpose = "tests of consent"
risk = "limited"
mode = "enforce"
mcp = [{mcp}]

[[tools]]
name = "mail__send"
effect = "send"
target = ["to"]
approvals = {approvals}
"""
SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}, "text": {"type": "string"}}, "required": ["to"]}


class Consent(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(tool("send", "Sends a letter.", SCHEMA))
        cls.addClassCleanup(cls.server.close)
        asks = '"elicitation", "consent"'
        agents = {
            "person": MANIFEST.format(agent="person", mcp=asks, approvals=1),
            "robot": MANIFEST.format(agent="robot", mcp='"elicitation"', approvals=1),
            "pair": MANIFEST.format(agent="pair", mcp=asks, approvals=2),
        }
        more = f'\n[[servers]]\nid = "mail"\nurl = "{cls.server.url}"\n'
        cls.gateway = Gateway(config=lambda t: t + more, agents=agents)
        cls.addClassCleanup(cls.gateway.close_verified)

    def setUp(self):
        self.server.called.clear()
        self.asked = []

    def send(self, mode, to, agent="person", action="accept", allow=True, other=None):
        """What the agent reads, its user having answered so."""

        async def user(context, params):
            self.asked.append(params.message)
            content = {"allow": allow} if action == "accept" else None
            return ElicitResult(action=action, content=content)

        async def do(client):
            result = await client.call_tool("mail__send", {"to": to, "text": "hello"})
            return result.content[0].text

        return run(connected(self.gateway, agent, "/mcp", do, mode, elicitation_callback=user))

    def kinds(self):
        self.gateway.restart()
        records = [r["record"] for r in self.gateway.records()]
        return [r["what"] for r in records if r.get("what", "").startswith("approval_")]

    def test_the_user_says_yes(self):
        for mode in ("legacy", "2026-07-28"):
            with self.subTest(mode):
                self.setUp()
                before = len(self.kinds())
                self.assertEqual(self.send(mode, f"yes-{mode}@example.com"), "found")
                [question] = self.asked
                self.assertIn(f"to = yes-{mode}@example.com", question)
                self.assertEqual([c["arguments"]["to"] for c in self.server.called], [f"yes-{mode}@example.com"])
                self.assertEqual(self.kinds()[before:], ["approval_asked", "approval_consented", "approval_used"])
                # The record says which exchange asked, and which used the word.
                records = [r["record"] for r in self.gateway.records()]
                calls = {r["rq"] for r in records if r.get("op") == "tools.call"}
                for one in [r for r in records if r.get("what") in ("approval_asked", "approval_used")]:
                    self.assertIn(one["rq"], calls)
                # It was for that one call.
                self.send(mode, f"yes-{mode}@example.com", action="cancel")
                self.assertEqual((len(self.asked), len(self.server.called)), (2, 1))

    def test_the_user_says_no(self):
        for mode in ("legacy", "2026-07-28"):
            for action, allow in (("decline", None), ("accept", False)):
                with self.subTest(mode=mode, action=action):
                    self.setUp()
                    said = self.send(mode, f"no-{mode}-{action}@example.com", action=action, allow=allow)
                    self.assertIn("said no", said)
                    said = self.send(mode, f"no-{mode}-{action}@example.com")
                    self.assertIn("said no", said)
                    self.assertEqual((len(self.asked), self.server.called), (1, []))

    def test_no_answer_leaves_it_to_operators(self):
        for mode in ("legacy", "2026-07-28"):
            with self.subTest(mode):
                self.setUp()
                said = self.send(mode, f"later-{mode}@example.com", action="cancel")
                self.assertIn("waits for approval", said)
                waiting = json.loads(self.gateway.cordon("approvals", "list", "--json"))["approvals"]
                [one] = [w for w in waiting if f"later-{mode}" in json.dumps(w)]
                self.gateway.cordon("approvals", "allow", one["id"], "--by", "Ann Lee")
                self.assertEqual(self.send(mode, f"later-{mode}@example.com"), "found")
                self.assertEqual(len(self.asked), 1)

    def test_only_a_person_s_client_and_never_one_of_two(self):
        for agent in ("robot", "pair"):
            for mode in ("legacy", "2026-07-28"):
                with self.subTest(agent=agent, mode=mode):
                    self.setUp()
                    self.assertIn("waits for approval", self.send(mode, f"{agent}-{mode}@example.com", agent))
                    self.assertEqual((self.asked, self.server.called), ([], []))

    def test_what_is_shown_is_escaped(self):
        self.send("legacy", "a\u202ecom.live@example.com", action="cancel")
        self.assertIn("U+202E", self.asked[0])
        self.assertNotIn("\u202e", self.asked[0])


if __name__ == "__main__":
    unittest.main()
