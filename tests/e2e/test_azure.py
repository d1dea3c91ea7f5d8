"""`cordon scan --azure`: Resource Graph and Entra as servers on this machine; pages, quotas, refusals, credentials."""

import http.server
import json
import os
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
from pathlib import Path

GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
SECRET = "s3cret+%/CANARY"
TOKEN = "eyJ-CANARY-token"


def account(number):
    name = f"drafts{number}"
    return {
        "id": f"/subscriptions/s1/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/{name}",
        "name": name,
        "type": "microsoft.cognitiveservices/accounts",
        "kind": "OpenAI",
        "location": "westeurope",
        "subscriptionId": "s1",
        "tags": {"owner": "platform team"},
        "properties": {"endpoint": f"https://{name}.openai.azure.com/", "publicNetworkAccess": "Enabled"},
    }


def page(rows, skip=None, **more):
    body = {"totalRecords": len(rows), "count": len(rows), "data": rows, "facets": [], "resultTruncated": "false", **more}
    if skip:
        body["$skipToken"] = skip
    return 200, {}, json.dumps(body)


def error(status, code, headers=None, message=""):
    return status, headers or {}, json.dumps({"error": {"code": code, "message": message}})


class Azure:
    """Answers what the test has put in line; keeps what was asked."""

    def __init__(self):
        self.asked, self.answers, self.lock = [], [], threading.Lock()
        azure = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                with azure.lock:
                    azure.asked.append((self.path, dict(self.headers.items()), body))
                    if self.path.endswith("/oauth2/v2.0/token"):
                        answer = azure.token(urllib.parse.parse_qs(body))
                    else:
                        answer = azure.answers.pop(0) if azure.answers else error(500, "Nothing")
                status, headers, text = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, form):
        if form.get("client_secret") != [SECRET]:
            return 401, {}, json.dumps({"error": "invalid_client", "error_description": f"CANARY {form}"})
        return 200, {}, json.dumps({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3599})

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class AzureScan(unittest.TestCase):
    def setUp(self):
        self.azure = Azure()
        self.addCleanup(self.azure.close)

    def scan(self, *args, env=None, base=None):
        cordon = os.environ.get("CORDON_BIN", "target/debug/cordon")
        own = {k: v for k, v in os.environ.items() if not k.startswith("AZURE_")}
        own.update({"AZURE_ACCESS_TOKEN": TOKEN} if env is None else env)
        places = ("--azure-base", base or self.azure.url, "--azure-authority", self.azure.url)
        done = subprocess.run(
            [cordon, "scan", "--json", "--azure", *places, *map(str, args)],
            capture_output=True,
            text=True,
            timeout=120,
            env=own,
        )
        for text in (done.stdout, done.stderr):
            self.assertNotIn(TOKEN, text)
            self.assertNotIn(SECRET, text)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return done, {r["name"]: r for r in rows if r["t"] == "asset"}

    def test_pages_come_with_a_clients_own_credential(self):
        self.azure.answers = [
            page([account(1)], "next-1", totalRecords=2),
            page([account(2)], totalRecords=2),
        ]
        client = {"AZURE_TENANT_ID": "t1", "AZURE_CLIENT_ID": "c1", "AZURE_CLIENT_SECRET": SECRET}
        done, assets = self.scan("--azure-subscription", "s1", env=client)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(assets), ["drafts1", "drafts2"])
        self.assertIn("risk", assets["drafts1"]["issues"])
        self.assertEqual(assets["drafts1"]["evidence"][0]["source"], "cloud")
        self.assertEqual(done.stderr, "")
        (path, _, form), first, second = self.azure.asked
        self.assertEqual(path, "/t1/oauth2/v2.0/token")
        form = urllib.parse.parse_qs(form)
        self.assertEqual(form["grant_type"], ["client_credentials"])
        self.assertEqual(form["scope"], [self.azure.url + "/.default"])
        for path, headers, _ in (first, second):
            headers = {name.lower(): value for name, value in headers.items()}
            self.assertEqual((path, headers["authorization"]), (GRAPH, f"Bearer {TOKEN}"))
        bodies = [json.loads(body) for _, _, body in (first, second)]
        self.assertEqual(bodies[0]["subscriptions"], ["s1"])
        self.assertEqual(bodies[0]["options"], {"resultFormat": "objectArray", "$top": 1000})
        self.assertEqual(bodies[1]["options"]["$skipToken"], "next-1")
        self.assertIn("microsoft.cognitiveservices/accounts", bodies[0]["query"])

    def test_an_export_and_the_query_give_the_same_asset(self):
        with tempfile.TemporaryDirectory() as folder:
            export = Path(folder) / "graph.json"
            export.write_text(page([account(1)])[2])
            self.azure.answers = [page([account(1)])]
            done, assets = self.scan("--cloud", export)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((list(assets), assets["drafts1"]["sightings"]), (["drafts1"], 4))

    def test_a_quota_is_waited_for_and_a_broken_server_asked_again(self):
        spent = {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:01"}
        first = page([account(1)], "next")
        self.azure.answers = [
            error(429, "RateLimiting", {"retry-after": "1"}),
            error(429, "RateLimiting", {"x-ms-user-quota-resets-after": "00:00:01"}),
            error(503, "Busy", {"retry-after": "0"}),
            (first[0], spent, first[2]),
            page([account(2)], totalRecords=2),
        ]
        done, assets = self.scan()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((sorted(assets), len(self.azure.asked)), (["drafts1", "drafts2"], 5))

    def test_patience_ends(self):
        self.azure.answers = [error(429, "RateLimiting", {"retry-after": "0"})] * 20
        done, _ = self.scan()
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(self.azure.asked), 6)
        self.assertIn("answered 429, `RateLimiting`: its quota is spent", done.stderr)
        self.azure.answers = [error(429, "RateLimiting", {"retry-after": "7200"})]
        done, _ = self.scan()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("it asks to wait 7200 s", done.stderr)

    def test_what_is_not_all_is_a_note(self):
        self.azure.answers = [page([account(1)], resultTruncated="true", totalRecords=9)]
        done, assets = self.scan()
        self.assertEqual((done.returncode, list(assets)), (0, ["drafts1"]))
        self.assertIn("resultTruncated", done.stderr)
        self.assertIn("1 of 9 rows came", done.stderr)
        # A server that goes in circles.
        self.azure.answers = [page([account(1)], "same"), page([account(2)], "same"), page([account(3)], "same")]
        done, assets = self.scan()
        self.assertEqual((done.returncode, sorted(assets)), (0, ["drafts1", "drafts2"]))
        self.assertIn("the same token", done.stderr)
        # One that never ends.
        self.azure.asked.clear()
        self.azure.answers = [page([], f"token-{n}") for n in range(250)]
        done, _ = self.scan()
        self.assertEqual((done.returncode, len(self.azure.asked)), (0, 200))
        self.assertIn("more than 200 pages", done.stderr)

    def test_a_refusal_ends_the_scan_with_its_code(self):
        for answer, told in (
            (error(403, "AuthorizationFailed", message=TOKEN), "`AuthorizationFailed`: give the client the role Reader"),
            (error(401, "ExpiredAuthenticationToken"), "get a new token"),
            (error(400, TOKEN), "answered 400"),
            ((404, {}, "<html>"), "answered 404"),
            ((200, {}, "<html>"), "is not the JSON of an export"),
            ((302, {"location": "http://127.0.0.1:1/"}, ""), "not followed"),
            ((200, {"content-encoding": "gzip"}, "x"), "compressed"),
        ):
            with self.subTest(told):
                self.azure.answers, self.azure.asked = [answer], []
                done, _ = self.scan()
                self.assertEqual((done.returncode != 0, len(self.azure.asked)), (True, 1), done.stderr)
                self.assertIn(told, done.stderr)
                self.assertEqual(done.stdout, "")
        # A later page counts as much: half an inventory looks like resources that went away.
        self.azure.answers = [page([account(1)], "next"), error(403, "AuthorizationFailed")]
        done, assets = self.scan()
        self.assertEqual((done.returncode != 0, assets), (True, {}))

    def test_credentials(self):
        done, _ = self.scan(env={})
        self.assertIn("no credential", done.stderr)
        client = {"AZURE_TENANT_ID": "t1", "AZURE_CLIENT_ID": "c1", "AZURE_CLIENT_SECRET": "CANARY-wrong"}
        done, _ = self.scan(env=client)
        self.assertIn("`invalid_client`", done.stderr)
        self.assertNotIn("CANARY", done.stderr)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "token"
            file.write_text(TOKEN + "\n")
            file.chmod(0o644)
            done, _ = self.scan("--azure-token-file", file, env={})
            self.assertIn("chmod 600", done.stderr)
            file.chmod(0o600)
            self.azure.answers = [page([account(1)])]
            done, assets = self.scan("--azure-token-file", file, env={})
            self.assertEqual((done.returncode, list(assets)), (0, ["drafts1"]), done.stderr)
            # There is no option that takes a secret.
            done, _ = self.scan("--azure-secret", SECRET.replace("CANARY", "x"), env={})
            self.assertIn("unexpected argument", done.stderr)

    def test_no_credential_goes_out_in_the_clear(self):
        self.azure.asked.clear()
        for base in ("http://management.example.com", "http://10.0.0.1", "http://169.254.169.254"):
            done, _ = self.scan(base=base)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("use https", done.stderr)
        self.assertEqual(self.azure.asked, [])


if __name__ == "__main__":
    unittest.main()
