"""`cordon advisories fetch`: OSV's archives from the operator's mirror, whole or not at all."""

import io
import json
import threading
import unittest
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway import Gateway
from test_supply import record


def packed(*records):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in records:
            archive.writestr(f"{one['id']}.json", json.dumps(one))
    return out.getvalue()


class Mirror(BaseHTTPRequestHandler):
    """What stands under each path, as (status, headers, body, bytes that are sent of it)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("authorization")))
        status, headers, body, sent = self.server.has.get(self.path, (404, {}, b"", None))
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:sent])
        self.close_connection = sent is not None

    def log_message(self, *_):
        pass


class Fetch(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
        self.server.asked, self.server.has = [], {}
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.put("PyPI", packed(record(1, "requests", "2.31.0")))
        self.put("npm", packed(record(2, "left-pad", "1.1.0", ecosystem="npm")))
        part = f'\n[advisories]\nmirror = "{self.base}/osv"\nregistries = ["PyPI", "npm"]\ncredential = {{ file = "mirror.token" }}\n'
        self.gateway = Gateway(config=lambda text: text + part, start=False)
        self.addCleanup(self.gateway.close)
        token = self.gateway.data_dir / "mirror.token"
        token.touch(mode=0o600)
        token.write_text("tok-123\n")

    def put(self, registry, body, status=200, headers=None, sent=None):
        self.server.has[f"/osv/{registry}/all.zip"] = (status, headers or {}, body, sent)

    def fetch(self, *arguments):
        done = self.gateway.run("advisories", "fetch", *arguments, "--json")
        self.assertEqual(list((self.gateway.data_dir / "advisories").glob("fetched*")), [])
        return done

    def test_the_snapshot_is_what_the_mirror_has(self):
        done = self.fetch()
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads(done.stdout)
        self.assertEqual((made["records"], made["unread"]), (2, 0))
        self.assertEqual([(s["name"], s["records"]) for s in made["sources"]], [("PyPI.zip", 1), ("npm.zip", 1)])
        self.assertEqual(self.server.asked, [(f"/osv/{r}/all.zip", "Bearer tok-123") for r in ("PyPI", "npm")])
        listed = json.loads(self.gateway.cordon("advisories", "list", "--json"))
        self.assertEqual(listed, made | {"days_old": listed["days_old"]})
        # A newer one replaces it, of one registry alone.
        self.put("PyPI", packed(record(1, "requests", "2.31.0"), record(3, "openai", "1.5")))
        done = self.fetch("--registry", "pypi")
        self.assertEqual((done.returncode, json.loads(done.stdout)["records"]), (0, 2), done.stderr)

    def test_another_mirror_gets_no_token(self):
        self.server.has["/else/PyPI/all.zip"] = self.server.has["/osv/PyPI/all.zip"]
        done = self.fetch("--mirror", f"{self.base}/else", "--registry", "PyPI")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.server.asked, [("/else/PyPI/all.zip", None)])

    def test_what_does_not_come_whole_changes_nothing(self):
        self.assertEqual(self.fetch().returncode, 0)
        before = self.gateway.cordon("advisories", "list", "--json")
        good = packed(record(4, "left-pad", "9.9.9", ecosystem="npm"))
        cases = {
            "answered 404": dict(body=b"", status=404),
            "answered 401": dict(body=b"tok-123", status=401),
            "redirect": dict(body=b"", status=302, headers={"location": f"{self.base}/elsewhere"}),
            "is no whole zip": dict(body=b"<html>sign in</html>"),
            "no whole zip": dict(body=good[:-30]),
            "did not come": dict(body=good, sent=len(good) // 2),
        }
        for said, case in cases.items():
            self.put("npm", **case)
            done = self.fetch()
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("npm/all.zip", done.stderr)
            self.assertIn(said, done.stderr)
            self.assertNotIn("tok-123", done.stderr)
            self.assertEqual(self.gateway.cordon("advisories", "list", "--json"), before)
        self.assertNotIn("/elsewhere", [path for path, _ in self.server.asked])

    def test_wrong_words(self):
        for arguments, said in [
            (["--mirror", "http://mirror.example.com"], "https"),
            (["--mirror", "ftp://x"], "--mirror"),
            (["--registry", "Debian"], "PyPI"),
        ]:
            done = self.fetch(*arguments)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(said, done.stderr)
        self.assertEqual(self.server.asked, [])
        with Gateway(start=False) as plain:
            done = plain.run("advisories", "fetch")
            self.assertEqual(done.returncode, 1)
            self.assertIn("[advisories] mirror", done.stderr)


if __name__ == "__main__":
    unittest.main()
