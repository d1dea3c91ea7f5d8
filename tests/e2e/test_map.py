"""The map from an empty start: two agents' traffic and one log of the network give an inventory with a shadow service,
a ghost, an owner missing and a toxic combination.
"""

import json
import tempfile
import time
import unittest
from pathlib import Path

from gateway import Gateway, eventually
from rawhttp import CHAT, ask, chat

CLERK = """agent = "clerk"
owner = "back office <office@example.com>"
purpose = "answers mail, and knows what people earn"
risk = "limited"
models = ["gullible"]

[[tools]]
name = "read_mail"
effect = "read"

[[tools]]
name = "salaries"
effect = "read"
class = "restricted"

[[tools]]
name = "post"
effect = "send"
target = ["channel"]
untrusted = "allow"
clearance = "restricted"
"""
READER = """agent = "reader"
owner = "press <press@example.com>"
purpose = "sums pages up"
models = ["gullible"]
"""
# Declared, and never seen by anybody.
IDLE = READER.replace("reader", "idle")
# Somebody at .7 asks a service that nobody approved; .5 asks one that is approved, and has no owner.
ZEEK = "#separator \\x09\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tserver_name\n"
INVENTORY = """
[[asset]]
kind = "service"
name = "openai"
purpose = "drafting"

[[asset]]
kind = "service"
name = "deepseek*"
status = "forbidden"
instead = "the gateway's model `gullible`"
"""


class Map(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(agents={"clerk": CLERK, "reader": READER, "idle": IDLE})
        cls.addClassCleanup(cls.gateway.close)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        now = time.time()
        rows = [("10.0.0.7", "chat.deepseek.com"), ("10.0.0.5", "api.openai.com"), ("10.0.0.5", "www.example.com")]
        lines = [f"{now:.1f}\tC{n}\t{who}\t192.0.2.{n}\t{host}\n" for n, (who, host) in enumerate(rows)]
        (cls.folder / "ssl.log").write_text(ZEEK + "".join(lines))
        (cls.folder / "inventory.toml").write_text(INVENTORY)

    def scan(self, *more):
        done = self.gateway.run("scan", "--gateway", "--declared", self.folder / "inventory.toml", "--json", *more)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, {(a["kind"], a["key"]): a for a in lines if a["t"] == "asset"}

    def test_1_empty(self):
        _, assets = self.scan()
        # What the files declare, and nothing else: nobody has asked anything yet.
        self.assertEqual({a["mark"] for a in assets.values()}, {"ghost"})
        self.assertEqual(assets["agent", "clerk"]["owner"], "back office <office@example.com>")

    def test_2_traffic_and_a_log(self):
        for _ in range(3):
            ask(self.gateway.anthropic_base_url, CHAT, self.gateway.key("clerk"), chat("My card is 4111 1111 1111 1111"))
        ask(self.gateway.anthropic_base_url, CHAT, self.gateway.key("reader"), chat("hello"))
        # A refusal is no use.
        ask(self.gateway.anthropic_base_url, CHAT, self.gateway.key("reader"), chat("hello", model="other"))
        seen = eventually(lambda: (a := self.scan()[1]) and a.get(("agent", "reader"), {}).get("use") and a, "the records are published")
        clerk, model = seen["agent", "clerk"], seen["model", "gullible"]
        self.assertEqual((clerk["mark"], clerk["use"]["requests"]), ("sanctioned", 3))
        self.assertIn("payment_card", [v["value"] for v in clerk["attributes"]["finding"]])
        self.assertEqual((model["use"]["requests"], model["use"]["clients"]), (4, 2))
        self.assertEqual([v["value"] for v in model["attributes"]["agent"]], ["clerk", "reader"])
        self.assertLess(model["use"]["first"], model["use"]["last"])
        self.assertNotIn(("model", "other"), seen)

        code, assets = self.scan("--logs", self.folder / "ssl.log", "--fail-on", "shadow,forbidden")
        self.assertEqual(code, 3)
        shadow = [a for a in assets.values() if a["kind"] == "service" and a["mark"] == "shadow"]
        self.assertEqual([a["key"] for a in shadow], ["deepseek"])
        self.assertEqual((shadow[0]["instead"], "forbidden" in shadow[0]["issues"]), ("the gateway's model `gullible`", True))
        self.assertEqual(assets["agent", "idle"]["mark"], "ghost")
        self.assertEqual(assets["service", "openai"]["mark"], "sanctioned")
        self.assertIn("unowned", assets["service", "openai"]["issues"])
        self.assertNotIn("unowned", assets["agent", "clerk"]["issues"])

    def test_3_the_toxic_combination_stands_out(self):
        reports = json.loads(self.gateway.cordon("permissions", "--json"))["agents"]
        codes = {r["agent"]: [f["code"] for f in r["findings"]] for r in reports}
        self.assertIn("toxic_open", codes["clerk"])
        self.assertEqual([c for c in codes["reader"] if c.startswith("toxic")], [])
        self.assertEqual(reports[0]["agent"], "clerk", "the highest score first")

    def test_4_people_read_it_too(self):
        told = self.gateway.cordon("scan", "--gateway", "--declared", self.folder / "inventory.toml", "--logs", self.folder / "ssl.log")
        for words in ("SHADOW", "GHOST", "deepseek", "instead: the gateway's model", "by clerk, reader (4 requests)"):
            self.assertIn(words, told)
        # Users, prompts and what was found in them stand nowhere.
        self.assertNotIn("4111", told)


if __name__ == "__main__":
    unittest.main()
