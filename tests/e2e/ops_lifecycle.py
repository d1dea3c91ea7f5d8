"""Start, second start, stop, crash: what a process finds, keeps and refuses."""

import json
import os
import re
import resource
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from bad_http import Two
from bad_input import unbudgeted
from gateway import Gateway, Process, after_section, binary, eventually
from ops_control import Idle
from rawhttp import CHAT, Closed, Wire, ask, chat, request


def listening(pid, ports=()):
    """The local addresses on which this process accepts, from the kernel. A gateway lets only root look at what it has
    open; for others, those of its ports count."""
    inodes = set()
    try:
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except PermissionError:
        entries = []
    for entry in entries:
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue
        if found := re.match(r"socket:\[(\d+)\]", target):
            inodes.add(found[1])
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            ours = fields[9] in inodes or (not entries and int(fields[1].split(":")[1], 16) in ports)
            if ours and (table.startswith("udp") or fields[3] == "0A"):
                yield table, fields[1].split(":")[0]


class FirstStart(unittest.TestCase):
    """A directory that is not there yet."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="cordon-e2e-")
        self.addCleanup(self.directory.cleanup)
        self.data = Path(self.directory.name) / "deep" / "data"

    def serve(self):
        return Process(["--data-dir", self.data, "serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])

    def modes(self):
        return {str(p.relative_to(self.data)): p.stat().st_mode & 0o777 for p in [self.data, *self.data.rglob("*")]}

    def test_it_makes_everything_and_finds_it_again(self):
        old = os.umask(0)
        try:
            process = self.serve()
        finally:
            os.umask(old)
        with process as first:
            said = first.said
            key, admin = (Path(said[name]).read_text().strip() for name in ("agent_key_file", "admin_key_file"))
            self.assertEqual(ask(said["anthropic_base_url"], CHAT, key, chat("hi")).status, 200)
            self.assertEqual(ask(said["admin_url"], "/metrics", admin, method="GET", host="localhost").status, 200)
            wrong = {name: oct(mode) for name, mode in self.modes().items() if mode & 0o077}
            self.assertEqual(wrong, {}, "others may read these")
            # Neither the line for scripts nor the log has a key.
            for secret in (key, admin, (self.data / "keys/users.key").read_text().strip(), re.search("^key (.+)$", (self.data / "keys/epochs/1.key").read_text(), re.M)[1]):
                self.assertNotIn(secret, json.dumps(said) + first.stderr())
            ports = {int(said[name].rsplit(":", 1)[1]) for name in ("anthropic_base_url", "admin_url")}
            self.assertEqual({address for _, address in listening(first.child.pid, ports)}, {"0100007F"})
            with self.subTest("a second process"):
                second = subprocess.run([binary(), "--data-dir", self.data, "serve", "--json", "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
                self.assertEqual((second.returncode, second.stdout), (1, ""))
                self.assertRegex(second.stderr, "(?i)in use|another")
                self.assertEqual(ask(said["anthropic_base_url"], CHAT, key, chat("hi")).status, 200)
            before = {name: (self.data / name).read_bytes() for name in ("cordon.toml", "agents/dev.toml", "keys/ledger.key", "keys/users.key", "keys/epochs/1.key")}
        self.assertFalse((self.data / "control.sock").exists())
        with self.serve() as again:
            self.assertEqual((again.said["agent_key_file"], again.said["admin_key_file"]), (None, None))
            self.assertEqual(ask(again.said["anthropic_base_url"], CHAT, key, chat("hi")).status, 200)
            self.assertEqual(before, {name: (self.data / name).read_bytes() for name in before})
        done = subprocess.run([binary(), "--data-dir", self.data, "audit", "verify"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_store_of_tomorrow_is_refused_and_kept(self):
        with self.serve():
            pass
        with sqlite3.connect(self.data / "state.db") as database:
            database.execute("pragma user_version = 9999")
        database.close()
        bytes_before = (self.data / "state.db").read_bytes()
        done = subprocess.run([binary(), "--data-dir", self.data, "serve", "--json", "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual((self.data / "state.db").read_bytes(), bytes_before)

    def test_an_address_in_use_or_beyond_this_machine(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for arguments in (["--listen", address], ["--listen", "127.0.0.1:0", "--admin-listen", address]):
                done = subprocess.run([binary(), "--data-dir", self.data, "serve", "--json", *arguments], capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (1, ""), arguments)
                self.assertIn(address, done.stderr)
        for arguments in (["--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"], ["--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"]):
            with self.subTest(arguments), tempfile.TemporaryDirectory() as other:
                command = [binary(), "--data-dir", other, "serve", "--json", *arguments]
                try:
                    done = subprocess.run(command, capture_output=True, text=True, timeout=8)
                    self.assertEqual((done.returncode, done.stdout), (1, ""))
                except subprocess.TimeoutExpired:
                    self.fail("it listens beyond this machine, in plain HTTP, without the operator's word")


class Ends(unittest.TestCase):
    """Drain, crash, a ledger that cannot write."""

    def setUp(self):
        self.gateway = Gateway(manifest=unbudgeted)
        self.addCleanup(self.gateway.close)
        self.url, self.key = self.gateway.anthropic_base_url, self.gateway.key()

    def test_graceful_drain(self):
        text = "gullible:delta=1 say exactly: " + "drain me " * 400
        with Wire(self.url) as wire, Wire(self.url) as kept:
            kept.send(request(CHAT, self.key, chat("hi")))
            self.assertEqual(kept.answer().status, 200)
            wire.send(request(CHAT, self.key, chat(text, stream=True)))
            self.assertEqual(wire.head().status, 200)
            self.gateway.process.child.send_signal(signal.SIGTERM)
            body = b"".join(wire.chunks())
            self.assertTrue(body.rstrip().endswith(b"data: [DONE]"), body[-200:])
            self.assertEqual(kept.rest(), b"", "an idle connection is closed")
        with self.assertRaises((ConnectionError, Closed)):
            while True:
                ask(self.url, CHAT, self.key, chat("hi"))
        self.gateway.process.child.wait(60)
        self.assertEqual(self.gateway.stop(), 0)
        records = [r["record"] for r in self.gateway.records()]
        self.assertEqual(records[-1]["what"], "stop")
        self.assertIn("complete", [r.get("end") for r in records])
        self.assertEqual(self.gateway.run("audit", "verify").returncode, 0)

    def test_the_drain_has_an_end(self):
        self.gateway.stop()
        self.gateway.write("cordon.toml", after_section(self.gateway.read("cordon.toml"), "[limits.timeouts]", "drain_seconds = 1"))
        self.gateway.start()
        idle = Idle(self.gateway)
        self.assertEqual(self.gateway.stop(), 0)
        body, _ = idle.end()
        self.assertNotIn(b"[DONE]", body)
        found = [r["record"] for r in self.gateway.records() if r["record"].get("rq") == idle.request]
        self.assertEqual([r["t"] for r in found], ["intent", "outcome"], "a cut stream has its outcome")

    def test_killed_in_the_middle_of_traffic(self):
        acknowledged, over = [], threading.Event()

        def traffic():
            while not over.is_set():
                try:
                    with Wire(self.url) as wire:
                        for number in range(50):
                            wire.send(request(CHAT, self.key, chat(f"hi {number}", stream=number % 3 == 0)))
                            found = wire.answer()
                            acknowledged.append((found.request, found.status))
                except (OSError, Closed, ValueError):
                    return

        threads = [threading.Thread(target=traffic, daemon=True) for _ in range(4)]
        [thread.start() for thread in threads]
        idle = Idle(self.gateway)
        eventually(lambda: len(acknowledged) > 60, "traffic")
        self.gateway.stop(signal.SIGKILL)
        over.set()
        [thread.join(30) for thread in threads]
        idle.wire.socket.close()
        self.gateway.start()
        self.url = self.gateway.anthropic_base_url
        self.assertEqual(ask(self.url, CHAT, self.key, chat("hi")).status, 200)
        self.gateway.stop()
        leaves = {}
        for line in self.gateway.records():
            record = line["record"]
            leaves.setdefault(record.get("rq"), []).append(record["t"])
        for rq, status in acknowledged:
            self.assertEqual((status, leaves.get(rq)), (200, ["intent", "outcome"]))
        self.assertEqual(leaves[idle.request], ["intent"], "an open intent says what a crash cut off")
        done = self.gateway.run("audit", "verify", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["verified"]), (0, True), done.stdout)

    def test_a_ledger_that_cannot_write(self):
        # Without restored signals a write over the limit is an error, as on a full disk, and no death.
        self.gateway.stop()
        self.gateway.start(restore_signals=False)
        self.url = self.gateway.anthropic_base_url
        self.assertEqual(ask(self.url, CHAT, self.key, chat("hi")).status, 200)
        idle = Idle(self.gateway)
        resource.prlimit(self.gateway.process.child.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        found = ask(self.url, CHAT, self.key, chat("hi"))
        self.assertEqual((found.status, found.error["code"]), (503, "record_unavailable"), found.body)
        self.assertIn("retry-after", found.headers)
        for url in (self.url, self.gateway.admin_url):
            ready, alive = (ask(url, path, method="GET", host="localhost") for path in ("/readyz", "/healthz"))
            self.assertEqual((ready.status, alive.status), (503, 200))
        for body in (b"{", chat("hi", "none"), chat("hi", stream=True)):
            self.assertEqual(ask(self.url, CHAT, self.key, body).status, 503, body)
        self.assertEqual(ask(self.url, "/v1/models", self.key, method="GET").status, 503)
        with self.subTest("room again: only a restart trusts it"):
            resource.prlimit(self.gateway.process.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.assertEqual(ask(self.url, CHAT, self.key, chat("hi")).status, 503)
        eventually(lambda: "the ledger cannot write" in self.gateway.stderr(), "the log says so")
        # What had begun may not end as if it were recorded.
        idle.wire.socket.close()
        self.gateway.stop(signal.SIGKILL)
        self.gateway.start()
        self.assertEqual(ask(self.gateway.anthropic_base_url, CHAT, self.key, chat("hi")).status, 200)
        self.gateway.stop()
        self.assertEqual(self.gateway.run("audit", "verify").returncode, 0)

    def test_a_running_stream_does_not_end_well_without_its_record(self):
        self.gateway.stop()
        self.gateway.start(restore_signals=False)
        with Wire(self.gateway.anthropic_base_url) as wire:
            text = "gullible:delta=1 say exactly: " + "hold on " * 4000
            wire.send(request(CHAT, self.key, chat(text, stream=True)))
            self.assertEqual(wire.head().status, 200)
            pieces = wire.chunks()
            next(pieces)
            resource.prlimit(self.gateway.process.child.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            body = b"".join(pieces)
        self.assertNotIn(b"[DONE]", body[-2000:])
        self.assertIn(b"record_unavailable", body[-2000:])
        self.gateway.stop(signal.SIGKILL)


class Tls(unittest.TestCase):
    """The model path behind TLS."""

    def test_both_protocols(self):
        with tempfile.TemporaryDirectory() as made:
            cert, key = Path(made) / "cert.pem", Path(made) / "key.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", cert],
                check=True, capture_output=True,
            )
            tls = f'tls = {{ cert = "{cert}", key = "{key}" }}'
            with Gateway(config=lambda t: after_section(t, "[listen]", tls)) as gateway:
                url = gateway.anthropic_base_url
                self.assertTrue(url.startswith("https://"))
                trust = lambda: ssl.create_default_context(cafile=str(cert))
                self.assertEqual(ask(url, CHAT, gateway.key(), chat("hi"), tls=trust()).status, 200)
                with Two(url, trust()) as two:
                    self.assertEqual(two.wire.socket.selected_alpn_protocol(), "h2")
                    self.assertEqual(two.ask(CHAT, gateway.key(), chat("hi"))[0], b"200")
                    self.assertEqual(two.ask(CHAT, gateway.key(), chat("hi", stream=True))[0], b"200")
                with self.subTest("plain HTTP on it"), Wire(url.replace("https", "http")) as wire:
                    wire.send(request(CHAT, gateway.key(), chat("hi")))
                    self.assertNotIn(b"200 OK", wire.rest())
                with self.subTest("an old version"):
                    old = trust()
                    old.minimum_version = ssl.TLSVersion.TLSv1
                    old.maximum_version = ssl.TLSVersion.TLSv1_1
                    with self.assertRaises((ssl.SSLError, OSError)):
                        Wire(url, old)
                with self.subTest("a handshake that stops"), Wire(url.replace("https", "http"), patience=30) as wire:
                    wire.send(b"\x16\x03\x01")
                    self.assertEqual(wire.rest(), b"")
                with self.subTest("a key that does not fit"):
                    gateway.stop()
                    key.write_text("no key")
                    with self.assertRaisesRegex(RuntimeError, "key.pem"):
                        gateway.start()


if __name__ == "__main__":
    unittest.main()
