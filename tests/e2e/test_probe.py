"""`cordon scan --probe`: real servers on this machine, told by what they answer; hostile ones; what is never sent."""

import http.server
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

OLLAMA = {"/": (200, {}, "Ollama is running"), "/api/version": (200, {}, '{"version":"0.5.7"}')}
MODELS = (200, {"content-type": "application/json"}, '{"object":"list","data":[{"id":"CANARY-model"}]}')


class Site:
    """A server with these answers; keeps what was asked."""

    def __init__(self, answers, tls=None):
        self.asked = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def any(self):
                site.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                status, headers, body = answers.get(self.path, (404, {}, "not found"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_HEAD = do_PUT = do_OPTIONS = any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.door = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Raw:
    """Says these bytes to whoever comes, and nothing more."""

    def __init__(self, said, stall):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.door = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.seen = 0

        def one(client):
            try:
                client.recv(4096)
                client.sendall(said)
                time.sleep(stall)
            except OSError:
                pass
            client.close()

        def serve():
            while True:
                try:
                    client, _ = self.socket.accept()
                except OSError:
                    return
                self.seen += 1
                threading.Thread(target=one, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self.socket.close()


class Probe(unittest.TestCase):
    def site(self, answers):
        site = Site(answers)
        self.addCleanup(site.close)
        return site

    def scan(self, *args):
        cordon = os.environ.get("CORDON_BIN", "target/debug/cordon")
        command = [cordon, "scan", "--json", "--min-confidence", "0", "--probe", *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return done, {f"{r['kind']}:{r['key']}": r for r in rows if r["t"] == "asset"}

    def values(self, asset, attribute):
        return [v["value"] for v in asset["attributes"].get(attribute, [])]

    def test_servers_become_assets_with_their_versions_and_risks(self):
        ollama = self.site(OLLAMA)
        closed = self.site({"/": (401, {"www-authenticate": "Basic"}, "no"), "/v1/models": (401, {}, MODELS[2])})
        compatible = self.site({"/": (200, {}, "<title>hello</title>"), "/v1/models": MODELS})
        tools = self.site({"/messages/": (400, {}, "session_id is required")})
        done, assets = self.scan(ollama.door, closed.door, f"http://{compatible.door}", tools.door)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            sorted(assets),
            [
                f"endpoint:openai-compatible@{compatible.door}",
                f"local_server:ollama@{ollama.door}",
                f"tool_server:mcp-sse@{tools.door}",
            ],
        )
        asset = assets[f"local_server:ollama@{ollama.door}"]
        self.assertEqual(self.values(asset, "version"), ["0.5.7"])
        self.assertEqual(self.values(asset, "risk"), ["answers without a credential"])
        self.assertEqual((asset["basis"], asset["confidence"], asset["mark"]), ("observed", 900, "shadow"))
        self.assertEqual(asset["evidence"], [{"source": "probe", "place": f"http://{ollama.door}/"}])
        self.assertIn("risk", asset["issues"])
        self.assertNotIn("risk", assets[f"tool_server:mcp-sse@{tools.door}"]["issues"])
        # Nothing of an answer is told but what the software is.
        self.assertNotIn("CANARY", done.stdout + done.stderr)
        for site in (ollama, closed, compatible, tools):
            for method, path, headers in site.asked:
                self.assertEqual(method, "GET")
                for word in (".env", "mcp.json", "claude", "settings.json", "server_info", "props"):
                    self.assertNotIn(word, path)
                for name in ("authorization", "cookie", "proxy-authorization", "x-api-key", "api-key", "content-length"):
                    self.assertNotIn(name, headers)
            self.assertEqual(len(site.asked), len({path for _, path, _ in site.asked}), "a path was asked for twice")

    def test_approved_by_its_key(self):
        site = self.site(OLLAMA)
        with tempfile.TemporaryDirectory() as folder:
            own = Path(folder) / "inventory.toml"
            own.write_text('[[asset]]\nkind = "local_server"\nname = "ollama@127.0.0.1:*"\nowner = "a"\n')
            done, assets = self.scan(site.door, "--declared", own)
        self.assertEqual(assets[f"local_server:ollama@{site.door}"]["mark"], "sanctioned", done.stderr)

    def test_ports_and_networks(self):
        site = self.site(OLLAMA)
        done, assets = self.scan("127.0.0.0/30", "--probe-ports", site.port)
        self.assertEqual(list(assets), [f"local_server:ollama@{site.door}"], done.stderr)
        done, _ = self.scan("10.0.0.0/16")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("at most 1024 addresses", done.stderr)

    def test_metadata_is_never_asked(self):
        for target in ("169.254.169.254", "http://169.254.169.254/latest/meta-data", "[fd00:ec2::254]:80", "100.100.100.200"):
            done, _ = self.scan(target)
            self.assertNotEqual(done.returncode, 0, target)
            self.assertIn("never asked", done.stderr)
        done, _ = self.scan("169.254.169.252/30", "--probe-ports", "80")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 addresses are of ranges that are never asked", done.stderr)

    def test_redirects_are_not_followed(self):
        other = self.site(OLLAMA)
        site = self.site({"/": (302, {"location": f"http://{other.door}/"}, ""), "/v1/models": MODELS})
        done, assets = self.scan(site.door)
        self.assertEqual(list(assets), [f"endpoint:openai-compatible@{site.door}"], done.stderr)
        self.assertEqual(other.asked, [])

    def test_hostile_servers_end(self):
        endless = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n" + b"x" * 3_000_000
        heads = b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000
        raws = [Raw(said, stall) for said, stall in (
            (b"", 60),
            (b"SSH-2.0-OpenSSH_9\r\n", 0),
            (heads, 0),
            (endless, 0),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nOllama is running", 0),
            (b"HTTP/1.1 200 OK\r\nserver: \x1b[2J\r\ncontent-length: 17\r\n\r\nOllama is running", 0),
        )]
        for raw in raws:
            self.addCleanup(raw.close)
        version = "9.9-" + "A" * 500
        liar = self.site({
            "/": (200, {"server": "Ollama" * 100}, "Ollama is running\u001b[2J"),
            "/api/version": (200, {}, json.dumps({"version": version})),
        })
        done, assets = self.scan(*(r.door for r in raws), liar.door)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Of the body that breaks off, as much as came in time counts; the others are no server's answers.
        self.assertNotIn("--probe-ca", done.stderr)
        self.assertEqual(set(assets) - {f"local_server:ollama@{raws[4].door}"}, {f"local_server:ollama@{liar.door}"})
        self.assertEqual(self.values(assets[f"local_server:ollama@{liar.door}"], "version"), [])
        self.assertNotIn("\u001b", done.stdout + done.stderr)
        self.assertLess(raws[0].seen, 4)

    def test_time_ends(self):
        raw = Raw(b"", 60)
        self.addCleanup(raw.close)
        done, assets = self.scan(raw.door, "--probe-seconds", 1)
        self.assertEqual((done.returncode, assets), (0, {}), done.stderr)
        self.assertIn("1 of 1 ports were not asked to the end in 1 s", done.stderr)

    def test_nobody_there_is_a_note_where_a_port_was_named(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            door = f"127.0.0.1:{free.getsockname()[1]}"
        done, assets = self.scan(door)
        self.assertEqual((done.returncode, assets), (0, {}))
        self.assertIn(door, done.stderr)
        done, _ = self.scan("no-such-host.invalid")
        self.assertEqual(done.returncode, 0)
        self.assertIn("cannot resolve", done.stderr)
        self.assertEqual(done.stderr.count("note:"), 1, "one note a host, not one a port")

    def test_tls_is_spoken_where_it_is_and_believed_where_it_may_be(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                 "-subj", "/CN=probe", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"],
                check=True,
                capture_output=True,
            )
            site = Site(OLLAMA, (cert, key))
            self.addCleanup(site.close)
            done, assets = self.scan(site.door)
            self.assertEqual((done.returncode, assets), (0, {}), done.stderr)
            self.assertIn("--probe-ca", done.stderr)
            done, assets = self.scan(site.door, "--probe-ca", cert)
            self.assertEqual(list(assets), [f"local_server:ollama@{site.door}"], done.stderr)
            asset = assets[f"local_server:ollama@{site.door}"]
            self.assertEqual(self.values(asset, "url"), [f"https://{site.door}"])


if __name__ == "__main__":
    unittest.main()
