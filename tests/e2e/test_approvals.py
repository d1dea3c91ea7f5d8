"""Held calls from outside: an agent asks, people decide with `cordon approvals`, the same call goes on once.

The agent runs its tools itself and asks with POST /cordon/v1/authorize; no session, so every target is unknown.
"""

import json
import threading
import unittest
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from gateway import Gateway, eventually

MANIFEST = """agent = "teller"
owner = "o@example.com"
purpose = "moves money for its user"
risk = "high"
models = ["gullible"]

[[tools]]
name = "pay"
effect = "spend"
target = ["to"]

[[tools]]
name = "wire"
effect = "spend"
target = ["to"]
approvals = 2

[[tools]]
name = "post"
effect = "send"
target = ["channel"]
"""
# Stands for everything that a call says. It must be found in nothing that is kept.
CANARY = "Zzyzx\u202egnp"


class Receiver:
    """A webhook: what it was told."""

    def __init__(self):
        self.told = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.told.append((self.path, json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Approvals(unittest.TestCase):
    def setUp(self):
        self.hook = Receiver()
        self.addCleanup(self.hook.close)
        more = f'\n[approvals]\ntimeout = "1h"\nwebhook = "{self.hook.url}"\n'
        self.gateway = Gateway(config=lambda text: text + more, agents={"teller": MANIFEST})
        self.addCleanup(self.gateway.close_verified)

    def ask(self, tool, **arguments):
        base = self.gateway.openai_base_url.removesuffix("/v1")
        headers = {"authorization": f"Bearer {self.gateway.key('teller')}", "content-type": "application/json"}
        body = json.dumps({"tool": tool, "arguments": arguments}).encode()
        request = urllib.request.Request(base + "/cordon/v1/authorize", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["decisions"][0]

    def held(self, tool, **arguments):
        decision = self.ask(tool, **arguments)
        self.assertEqual(decision["decision"], "ask", decision)
        return decision["approval"]

    def approvals(self, *arguments):
        return json.loads(self.gateway.cordon("approvals", *arguments, "--json"))

    def refused(self, *arguments):
        done = self.gateway.run("approvals", *arguments)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    def kinds(self, held):
        records = [r["record"] for r in self.gateway.records()]
        return [r["what"] for r in records if r.get("apr") == held.removeprefix("apr_")]

    def test_a_person_sees_it_and_lets_it_go_on_once(self):
        held = self.held("pay", to=CANARY, amount=20)
        self.assertEqual(self.held("pay", to=CANARY, amount=20), held)
        one = self.approvals("show", held)
        self.assertEqual(one["arguments_json"], {"to": CANARY, "amount": 20})
        self.assertIsNone(one["wider"])
        shown = self.gateway.cordon("approvals", "show", held)
        self.assertIn("Zzyzx⟨U+202E⟩gnp", shown)
        self.assertNotIn("\u202e", shown)
        self.assertIn(held, self.gateway.cordon("approvals", "list"))
        self.assertEqual(self.approvals("allow", held, "--by", "Ann")["state"], "allowed")
        self.held("pay", to=CANARY, amount=21)
        self.assertEqual(self.ask("pay", to=CANARY, amount=20)["decision"], "allow")
        self.assertNotEqual(self.held("pay", to=CANARY, amount=20), held)
        self.assertEqual(self.approvals("show", held)["state"], "used")
        self.assertIn("used up", self.refused("allow", held, "--by", "Ann"))
        kinds = ["approval_asked", "approval_allowed", "approval_used"]
        eventually(lambda: self.kinds(held) == kinds, "the record tells its life")
        for path, data in self.gateway.every_persisted_byte():
            self.assertNotIn(b"Zzyzx", data, path)
            self.assertNotIn(b"Ann", data, path)
        self.assertNotIn("Zzyzx", self.gateway.stderr())

    def test_what_is_denied_stays_denied_and_a_grant_can_be_taken_back(self):
        held = self.held("pay", to="a")
        self.approvals("deny", held, "--by", "ann", "--reason", "wrong_target")
        self.assertEqual(self.ask("pay", to="a")["decision"], "deny")
        held = self.held("pay", to="b")
        self.approvals("allow", held, "--by", "ann")
        self.approvals("deny", held, "--by", "ann")
        self.held("pay", to="b")
        self.assertIn("one of", self.refused("deny", held, "--by", "ann", "--reason", "mood"))

    def test_four_eyes_are_two_credentials(self):
        key = Path(self.gateway.directory) / "bob.key"
        self.gateway.cordon("key", "create", "--kind", "admin", "--out", str(key))
        held = self.held("wire", to="a")
        first = self.approvals("allow", held, "--by", "ann")
        self.assertEqual((first["state"], first["still_needed"]), ("waiting", 1))
        self.assertIn("two people", self.refused("allow", held, "--by", "bob"))
        self.assertIn("two people", self.refused("allow", held, "--by", "Ann", "--key-file", str(key)))
        self.assertEqual(self.ask("wire", to="a")["decision"], "ask")
        agent = Path(self.gateway.directory) / "agent.key"
        agent.write_text(self.gateway.key("teller"))
        self.refused("allow", held, "--by", "bob", "--key-file", str(agent))
        self.assertEqual(self.approvals("allow", held, "--by", "bob", "--key-file", str(key))["state"], "allowed")
        self.assertEqual(self.ask("wire", to="a")["decision"], "allow")

    def test_a_wider_grant_has_a_shown_predicate_and_a_count(self):
        held = self.held("post", channel="general", text="one")
        words = self.approvals("show", held)["wider"]["words"]
        self.assertIn("`channel` = `general`", words)
        done = self.gateway.run("approvals", "allow", held, "--by", "ann", "--times", "2", "--minutes", "5")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertEqual(self.approvals("list")["standing"][0]["left"], 2)
        self.held("post", channel="random", text="one")
        for text in ("two", "three"):
            self.assertEqual(self.ask("post", channel="general", text=text)["decision"], "allow")
        self.held("post", channel="general", text="four")
        spend = self.held("pay", to="a")
        self.assertIn("once", self.refused("allow", spend, "--by", "ann", "--times", "2", "--minutes", "5"))

    def test_a_restart_denies_what_waits_and_replays_nothing(self):
        used, unused, waiting = (self.held("pay", to=to) for to in "abc")
        for held in (used, unused):
            self.approvals("allow", held, "--by", "ann")
        self.assertEqual(self.ask("pay", to="a")["decision"], "allow")
        self.gateway.restart()
        self.assertEqual(self.approvals("list")["approvals"], [])
        self.assertIn("restart", self.refused("allow", waiting, "--by", "ann"))
        self.assertEqual(self.approvals("show", waiting)["state"], "expired")
        self.assertEqual(self.ask("pay", to="a")["decision"], "ask")
        self.assertEqual(self.ask("pay", to="b")["decision"], "allow")
        self.assertEqual(self.ask("pay", to="b")["decision"], "ask")

    def test_a_webhook_is_told_that_and_not_what(self):
        held = self.held("pay", to=CANARY)
        path, told = eventually(lambda: self.hook.told and self.hook.told[0], "the webhook is told")
        self.assertEqual(path, "/hook")
        self.assertEqual((told["id"], told["agent"], told["tool"], told["effect"]), (held, "teller", "pay", "spend"))
        self.assertNotIn("Zzyzx", json.dumps(told))

    def test_watching_prints_each_once(self):
        import subprocess

        from gateway import binary

        held = self.held("pay", to="a")
        command = [binary(), "--data-dir", str(self.gateway.data_dir), "approvals", "list", "--watch", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            try:
                self.assertEqual(json.loads(watching.stdout.readline())["id"], held)
                later = self.held("pay", to="b")
                self.assertEqual(json.loads(watching.stdout.readline())["id"], later)
            finally:
                watching.terminate()


if __name__ == "__main__":
    unittest.main()
