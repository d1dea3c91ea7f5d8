"""A log shows a service that nobody approved; its note says what to use instead, and who read it is recorded, once."""

import hashlib
import hmac
import json
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from gateway import Gateway, eventually

ZEEK = "#separator \\x09\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tserver_name\n"
INVENTORY = """
[[instead]]
offer = "the gateway's model `gullible` <script>alert(1)</script>"
contact = "ai-desk@example.com"

[[instead]]
sort = "image"
offer = "nothing yet"
"""


class Shadow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway()
        cls.addClassCleanup(cls.gateway.close)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        (cls.folder / "ssl.log").write_text(ZEEK + f"{time.time():.1f}\tC1\t10.0.0.7\t192.0.2.1\tchat.deepseek.com\n")
        (cls.folder / "inventory.toml").write_text(INVENTORY)
        cls.declared = ("--declared", cls.folder / "inventory.toml")

    def page(self, *more):
        return self.gateway.cordon("shadow", "page", "deepseek", *self.declared, *more)

    def link(self, person, *more):
        told = self.page("--gateway-url", self.gateway.anthropic_base_url, "--person", person, *more)
        return told.split("Say that you read this: ")[1].strip()

    def open(self, url, token=None):
        data = None if token is None else f"token={token}".encode()
        try:
            with urllib.request.urlopen(url, data) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def listed(self):
        return [json.loads(line) for line in self.gateway.cordon("shadow", "list", "--json").splitlines()]

    def test_1_a_page_for_each_service_of_a_scan(self):
        out = self.folder / "today.jsonl"
        told = self.gateway.cordon("scan", "--logs", self.folder / "ssl.log", *self.declared, "--out", out)
        self.assertIn("instead: the gateway's model `gullible`", told)
        self.assertIn("ask ai-desk@example.com", told)
        self.gateway.cordon("shadow", "pages", "--scan", out, *self.declared, "--out", self.folder / "pages")
        pages = list((self.folder / "pages").iterdir())
        self.assertEqual([p.name for p in pages], ["deepseek.html"])
        html = pages[0].read_text()
        self.assertNotIn("<script", html)
        self.assertIn("default-src 'none'", html)
        self.assertEqual(self.page("--format", "html").strip(), html.strip())
        self.assertTrue(self.page("--format", "mail").startswith("Subject: "))

    def test_2_an_acknowledgement_is_recorded_once(self):
        url = self.link("jane@example.com")
        self.assertNotIn("jane", url)
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["token"][0]
        where = url.split("?")[0]
        # To look at the form records nothing.
        status, headers, form = self.open(url)
        self.assertEqual((status, token in form), (200, True))
        self.assertIn("frame-ancestors 'none'", headers["content-security-policy"])
        self.assertEqual(self.open(where, token)[0], 200)
        seen = eventually(self.listed, "the record is published")
        self.assertEqual((len(seen), seen[0]["service"], seen[0]["link"]), (1, "deepseek", True))
        self.assertIn("Recorded before", self.open(where, token)[2])
        # Another's token: every part is signed.
        for part in range(1, 7):
            parts = token.split(".")
            parts[part] = parts[part][:-1] + ("1" if parts[part][-1] != "1" else "2")
            self.assertEqual(self.open(where, ".".join(parts))[0], 403, part)
        for bad in ("", "x", "a" * 5000, "<script>"):
            status, _, text = self.open(where, bad)
            self.assertEqual((status, "<script" in text), (403, False))
        # An admin writes another one down: another person, the same text.
        self.gateway.cordon("shadow", "acknowledge", "deepseek", "--person", "joe@example.com", *self.declared)
        seen = eventually(lambda: (s := self.listed())[1:] and s, "the second record is published")
        self.assertEqual(len(seen), 2)
        self.assertNotEqual(seen[0]["by"], seen[1]["by"])
        self.assertEqual(seen[0]["text"], seen[1]["text"])
        # Who was turned away is counted.
        eventually(lambda: "refusal" in self.gateway.cordon("audit", "show"), "the count is recorded")
        shown = self.gateway.cordon("audit", "show")
        self.assertEqual(shown.count("shadow_acknowledged"), 2)
        self.assertNotIn("jane", shown)
        self.gateway.cordon("audit", "verify")

    def test_3_who_may_not(self):
        self.assertNotEqual(self.gateway.run("shadow", "page", "no-such-service").returncode, 0)
        for hours in ("0", "99999"):
            done = self.gateway.run(
                "shadow", "page", "deepseek", "--gateway-url", "https://g.example", "--person", "jane", "--hours", hours
            )
            self.assertNotEqual(done.returncode, 0)
        done = self.gateway.run("shadow", "page", "deepseek", "--gateway-url", "javascript:1", "--person", "jane")
        self.assertNotEqual(done.returncode, 0)


class Expired(unittest.TestCase):
    def signed(self, key, until):
        """A link as the gateway signs it (crates/identity/src/acknowledge.rs), with its own key; the test chooses until when."""
        secret = hmac.digest(key, b"user\0\0cordon links to acknowledge a note", "sha256")
        digests = [hashlib.sha256(text).hexdigest() for text in (b"person", b"text")]
        signed = ".".join(["ack1", "deepseek", *digests, str(until), f"{7:032x}"])
        return f"{signed}.{hmac.new(secret, signed.encode(), 'sha256').hexdigest()}"

    def open(self, url, token, post):
        data = f"token={token}"
        try:
            with urllib.request.urlopen(*((url, data.encode()) if post else (f"{url}?{data}",))) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def test_an_expired_link_is_refused_and_counted(self):
        with Gateway() as gateway:
            key = bytes.fromhex((gateway.data_dir / "keys/users.key").read_text().strip())
            url = gateway.anthropic_base_url + "/cordon/v1/acknowledgements"
            now = int(time.time() * 1000)
            # What is signed so is taken, while its time lasts: else the refusal below would prove nothing.
            self.assertEqual(self.open(url, self.signed(key, now + 600_000), post=False), 200)
            self.assertNotIn("refusal", gateway.cordon("audit", "show"))
            expired = self.signed(key, now - 1)
            self.assertEqual([self.open(url, expired, post=post) for post in (False, True)], [410, 410])

            def counted():
                shown = [json.loads(line)["record"] for line in gateway.cordon("audit", "show", "--json").splitlines()]
                return sum(r["n"] for r in shown if r.get("what") == "refusal" and r["why"] == "unauthenticated") == 2

            eventually(counted, "both are counted")
            self.assertEqual(gateway.cordon("shadow", "list", "--json").strip(), "")


if __name__ == "__main__":
    unittest.main()
