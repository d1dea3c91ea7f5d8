"""Witnesses as processes of their own: a real `cordon witness`, a real gateway, and what each kind of cheating meets.

What the holder of the ledger's key can do alone (rewrite, cut off, put back a backup) is tried on files, with the
right key, and must be found by the witness and by `cordon audit verify`.
"""

import base64
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import openai

from gateway import VERIFIER, Gateway, Process, binary, eventually

QUORUM = "group both all a b\nquorum both\n"


class Witness:
    """A witness's directory, and the process that serves from it. It keeps its port over restarts."""

    def __init__(self, name, *logs):
        self.directory = Path(tempfile.mkdtemp(prefix="cordon-e2e-witness-"))
        self.name, self.process, self.listen = name, None, "127.0.0.1:0"
        said = self.cordon("init", "--name", f"witness.test/{name}", "--json")
        self.keys = json.loads(said)["keys"]
        self.accept(*logs)

    def cordon(self, *arguments):
        command = [binary(), "--data-dir", str(self.directory), "witness", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stdout

    def accept(self, *logs):
        (self.directory / "logs").write_text("".join(f"log {log}\n" for log in logs))

    def start(self):
        arguments = ["--data-dir", self.directory, "witness", "serve", "--json", "--listen", self.listen]
        self.process = Process(arguments)
        self.url = self.process.said["url"]
        self.listen = self.url.removeprefix("http://")
        return self

    def stop(self, how=signal.SIGTERM):
        process, self.process = self.process, None
        return process.stop(how) if process else None

    def close(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def post(self, body, path="/add-checkpoint", method="POST"):
        request = urllib.request.Request(self.url + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers["content-type"], answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers["content-type"], refused.read().decode()

    @property
    def head(self):
        """The one checkpoint that it cosigned last: what it gives to an auditor."""
        # Beside it may lie the next one, until that is whole and takes its place.
        files = (self.directory / "state/heads").iterdir()
        return next(file for file in files if re.fullmatch("[0-9a-f]{64}", file.name))

    def size(self):
        return int(self.head.read_text().split("\n")[1])


class Witnessed(unittest.TestCase):
    """A gateway and two witnesses, `a` and `b`; both are needed."""

    quorum = QUORUM
    # Which of a witness's two keys the policy names: 0 Ed25519, 1 ML-DSA-44.
    which = 0

    def setUp(self):
        self.gateway = Gateway(start=False)
        self.addCleanup(self.gateway.close)
        key = self.gateway.public_key_file.read_text().strip()
        self.witnesses = [Witness(name, key).start() for name in "ab"]
        for witness in self.witnesses:
            self.addCleanup(witness.close)
        lines = [f"log {key}"] + [f"witness {w.name} {w.keys[self.which]} {w.url}" for w in self.witnesses]
        self.policy = self.gateway.directory / "policy"
        self.policy.write_text("\n".join(lines) + "\n" + self.quorum)
        shutil.copy(self.policy, self.gateway.data_dir / "witnesses.policy")
        section = '\n[ledger.witnesses]\npolicy = "witnesses.policy"\nevery_ms = 100\ntimeout_seconds = 5\n'
        self.gateway.write("cordon.toml", self.gateway.read("cordon.toml") + section)
        self.gateway.start()

    # ---- what is done and seen

    def traffic(self, count=3, gateway=None):
        gateway = gateway or self.gateway
        client = openai.OpenAI(base_url=gateway.openai_base_url, api_key=gateway.key(), max_retries=0)
        for number in range(count):
            messages = [{"role": "user", "content": f"Hello {number}"}]
            client.chat.completions.create(model="gullible", messages=messages)

    def status(self, gateway=None):
        return json.loads((gateway or self.gateway).cordon("status"))["ledger"]["witnessed"]

    def caught_up(self):
        """All records that there are now are under a checkpoint with the quorum."""
        size = json.loads(self.gateway.cordon("status"))["ledger"]["size"]
        return eventually(lambda: (found := self.status())["size"] >= size and found, "the witnesses cosigned")

    def verify(self, *more, ledger=None, key=None):
        command = [binary(), "audit", "verify", "--json", "--ledger", str(ledger or self.gateway.ledger)]
        command += ["--key", str(key or self.gateway.public_key_file), *map(str, more)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else done.stderr

    def other(self, change):
        """Another data directory with this one's keys and config, after `change` on it; its gateway, not started."""
        other = Gateway(start=False)
        self.addCleanup(other.close)
        shutil.rmtree(other.data_dir)
        ignored = shutil.ignore_patterns("lock", "*.sock")
        shutil.copytree(self.gateway.data_dir, other.data_dir, ignore=ignored)
        change(other.data_dir)
        return other

    def contradicted(self, gateway, why):
        """The gateway says that the witnesses know another ledger; the witnesses keep what they had."""
        found = lambda: {w["failing"] for w in self.status(gateway)["witnesses"]} == {why}
        eventually(found, why)
        self.assertEqual("contradicted by a witness", self.status(gateway)["state"])
        self.assertIn("contradicted", gateway.admin("/readyz?verbose")[1])


class Flow(Witnessed):
    def test_cosigned_shown_and_proven(self):
        self.traffic()
        found = self.caught_up()
        self.assertEqual(("witnessed", ["a", "b"]), (found["state"], found["by"]))
        self.assertTrue(self.gateway.admin("/readyz?verbose")[1].startswith("ok\nledger: witnessed ("))
        self.assertEqual((200, "ok\n"), self.gateway.admin("/readyz"))
        metrics = urllib.request.Request(self.gateway.admin_url + "/metrics")
        metrics.add_header("authorization", f"Bearer {self.gateway.admin_key()}")
        with urllib.request.urlopen(metrics, timeout=30) as answer:
            said = answer.read().decode()
        self.assertIn(f'cordon_witness_records{{witness="a"}} {found["size"]}\n', said)
        self.assertIn("cordon_witness_lag_records 0\n", said)
        self.gateway.stop()
        # A stop shows the last checkpoint, so that nothing is left unwitnessed.
        code, said = self.verify("--policy", self.policy)
        self.assertEqual((0, True), (code, said["witnessed"]), said)
        self.assertEqual(said["size"], said["witnesses"]["size"])
        self.assertEqual(["a", "b"], [w["name"] for w in said["witnesses"]["by"]])
        self.assertEqual([said["size"]] * 2, [w.size() for w in self.witnesses])
        # The data directory's own policy is used where none is given; a copy elsewhere has none.
        self.assertIn("quorum met", self.gateway.cordon("audit", "verify"))
        self.assertFalse(self.verify()[1]["witnessed"])
        self.assertIn("not checked", self.verify()[1]["witnesses_say"])
        shown = self.gateway.run("audit", "show", "--last", "1")
        self.assertIn("quorum met", shown.stderr)
        self.assertTrue(json.loads(shown.stdout)["witnessed"])
        proof = self.gateway.directory / "one.tlog-proof"
        self.assertIn("witnessed by a, b", self.gateway.cordon("audit", "prove", "1", "--out", proof))
        self.assertEqual(3, proof.read_text().count("\u2014 "))
        self.independently(self.gateway.ledger / "checkpoint.cosigned")
        self.independently(proof)

    def independently(self, file):
        """Somebody else's software verifies both cosignatures."""
        theirs = os.environ.get("CORDON_TLOG_PYTHON")
        if not theirs:
            self.skipTest("aics-tlog: CORDON_TLOG_PYTHON is not set (it needs Python 3.12 or newer)")
        command = [theirs, VERIFIER, self.gateway.ledger, self.gateway.public_key_file, "--cosigned", file]
        command += [w.keys[0] for w in self.witnesses]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        changed = file.with_suffix(".changed")
        changed.write_text(file.read_text().replace("witness.test/a", "witness.test/c"))
        command[5] = changed
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(0, done.returncode)
        changed.unlink()

    def test_an_evidence_pack_is_tied_to_what_was_cosigned(self):
        self.traffic()
        self.caught_up()
        pack = self.gateway.directory / "pack"
        export = ("evidence", "export", "--framework", "all", "--from", "0", "--to", "2100-01-01", "--anchor", "--out", pack)
        self.gateway.cordon(*export)
        tie = (pack / "anchor/checkpoint").read_text()
        self.assertEqual([line.split(" ")[1] for line in tie.split("\n\n")[1].splitlines()][1:], ["witness.test/a", "witness.test/b"], tie)
        done = json.loads(self.gateway.cordon("evidence", "verify", pack, "--json"))
        self.assertEqual((done["signed"], done["anchored"]), (True, True), done)
        page = json.loads((pack / "evidence/EV-PROOF.json").read_text())
        self.assertIn(f"2 cosignatures over the log's first {tie.splitlines()[1]} entries", json.dumps(page, ensure_ascii=False))

    def test_a_witness_that_is_away_stops_nothing(self):
        away = self.witnesses[1]
        self.traffic()
        before = self.caught_up()["size"]
        away.stop(signal.SIGKILL)
        self.traffic()
        eventually(lambda: self.witnesses[0].size() > before, "the other one goes on")
        failing = lambda: {w["name"]: w["failing"] for w in self.status()["witnesses"]} == {"a": None, "b": "unreachable"}
        eventually(failing, "the status says so")
        self.assertEqual(before, self.status()["size"], "no quorum without it")
        self.assertGreater(self.status()["lag"], 0)
        self.assertEqual(200, self.gateway.admin("/readyz")[0])
        # It comes back with what it had, and catches up from there.
        away.start()
        self.assertEqual(["a", "b"], self.caught_up()["by"])

    def test_both_restart(self):
        self.traffic()
        self.caught_up()
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.gateway.restart(how)
            self.witnesses[0].stop(how)
            self.witnesses[0].start()
            self.assertEqual("witnessed", self.status()["state"], "a restart forgot what was cosigned")
            self.traffic()
            self.caught_up()

    def test_what_a_witness_answers(self):
        witness = self.witnesses[0]
        self.traffic()
        size = self.caught_up()["size"]
        checkpoint = (self.gateway.ledger / "checkpoint.cosigned").read_bytes()
        rows = [
            (b"", 400),
            (b"old x\n\n" + checkpoint, 400),
            (b"old 99999999\n\n" + checkpoint, 400),
            (b"x" * (1 << 20), 400),
            (b"old 0\n\n" + checkpoint.replace(b"cordon.local/", b"cordon.remote/"), 404),
            (b"old 0\n\n" + checkpoint.replace(b"\n%d\n" % size, b"\n%d\n" % (size + 1)), 403),
            (b"old 0\n\n" + checkpoint, 409),
        ]
        for body, status in rows:
            with self.subTest(body[:20]):
                found = witness.post(body)
                self.assertEqual(status, found[0], found)
                if status == 409:
                    self.assertEqual("text/x.tlog.size", found[1])
                    self.assertGreaterEqual(int(found[2]), size)
        self.assertEqual(405, witness.post(None, method="GET")[0])
        self.assertEqual(404, witness.post(b"x", path="/")[0])
        # Taken off the list: 404 after SIGHUP, and the gateway says so.
        witness.accept()
        witness.process.child.send_signal(signal.SIGHUP)
        eventually(lambda: witness.post(b"old 0\n\n" + checkpoint)[0] == 404, "the list was read anew")
        self.traffic()
        eventually(lambda: self.status()["witnesses"][0]["failing"] == "not_accepted", "the status says so")

    def test_one_process_a_directory(self):
        self.assertEqual(self.witnesses[0].keys, self.witnesses[0].cordon("key").split())
        with self.assertRaisesRegex(RuntimeError, "has a witness's key already"):
            self.witnesses[0].cordon("init", "--name", "again")
        command = [binary(), "--data-dir", str(self.witnesses[0].directory), "witness", "serve", "--listen", "127.0.0.1:0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("another process", done.stderr)
        command[2] = str(self.gateway.data_dir)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("a gateway's data directory", done.stderr)
        command[2], command[-1] = str(self.witnesses[0].directory), "0.0.0.0:0"
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("plaintext-beyond-loopback", done.stderr)


class Cheating(Witnessed):
    """By the one who holds the ledger's key and all of its files. The witnesses sign post-quantum."""

    which = 1

    def test_a_proof_that_was_kept(self):
        """Whoever was given one proof holds the ledger to all that came before it."""
        self.traffic()
        self.caught_up()
        self.gateway.stop()
        proof = self.gateway.directory / "kept.tlog-proof"
        self.gateway.cordon("audit", "prove", "0", "--out", proof)
        self.assertEqual(0, self.verify("--against", proof)[0])
        fresh = self.other(lambda data: shutil.rmtree(data / "ledger"))
        fresh.start()
        fresh.stop()
        code, said = self.verify("--against", proof, ledger=fresh.ledger)
        self.assertEqual((3, "history-shorter"), (code, said["class"]), said)

    def kept(self):
        """A checkpoint that an auditor took along."""
        kept = self.gateway.directory / "kept.checkpoint"
        shutil.copy(self.gateway.ledger / "checkpoint.cosigned", kept)
        return kept

    def test_a_rewrite_with_the_right_key(self):
        self.traffic()
        self.caught_up()
        self.gateway.stop()
        kept, size = self.kept(), self.witnesses[0].size()

        def fresh(data):
            shutil.rmtree(data / "ledger")

        other = self.other(fresh).start()
        # First a tree that is still smaller than what was cosigned, then one that is larger.
        self.contradicted(other, "ledger_behind_witness")
        self.traffic(size, other)
        self.contradicted(other, "ledger_rewritten")
        other.stop()
        self.assertEqual([size] * 2, [w.size() for w in self.witnesses])
        self.assertEqual(0, self.verify(ledger=other.ledger)[0], "by itself it holds together")
        for arguments, expected in (
            (["--against", kept], "history-other"),
            (["--against", self.witnesses[0].head], "history-other"),
            (["--policy", self.policy], "quorum-not-met"),
        ):
            code, said = self.verify(*arguments, ledger=other.ledger)
            self.assertEqual((3, expected), (code, said["class"]), said)
        # What was cosigned, put beside the rewritten files.
        shutil.copy(kept, other.ledger / "checkpoint.cosigned")
        code, said = self.verify("--policy", self.policy, ledger=other.ledger)
        self.assertEqual((3, "history-other"), (code, said["class"]), said)

    def test_a_tail_cut_off_and_a_backup_put_back(self):
        self.traffic()
        self.gateway.stop()
        backup = self.other(lambda data: None)
        self.gateway.start()
        self.traffic()
        self.caught_up()
        self.gateway.stop()
        kept, size = self.kept(), self.witnesses[0].size()
        # The whole directory as it once was: good by itself, older than what is kept elsewhere.
        self.assertEqual(0, self.verify("--policy", self.policy, ledger=backup.ledger)[0])
        for older in (kept, self.witnesses[1].head):
            code, said = self.verify("--against", older, ledger=backup.ledger)
            self.assertEqual((3, "history-shorter"), (code, said["class"]), said)
        backup.start()
        self.contradicted(backup, "ledger_behind_witness")
        backup.stop()
        self.assertEqual([size] * 2, [w.size() for w in self.witnesses])
        # The tail alone cut off: what the witnesses cosigned is still there, and says so.
        shutil.copy(kept, backup.ledger / "checkpoint.cosigned")
        code, said = self.verify(ledger=backup.ledger)
        self.assertEqual((3, "history-shorter"), (code, said["class"]), said)
        done = backup.run("serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
        self.assertEqual(1, done.returncode)
        self.assertIn("history-shorter", done.stderr)


class Hostile(unittest.TestCase):
    """A witness that answers anything at all: nothing of it counts, and no request waits for it."""

    def test_what_a_witness_may_not_answer(self):
        with Gateway() as other:
            other.stop()
            strange = (other.ledger / "checkpoint").read_text().split("\n\n")[1]
        witness = Witness("w")
        self.addCleanup(witness.close)
        rows = [
            ("hang", None, "timeout"),
            ("drop", None, "unreachable"),
            ("nothing", (200, ""), "bad_answer"),
            ("no line", (200, "yes\n"), "bad_answer"),
            ("somebody else's line", (200, strange), "bad_answer"),
            ("its own name, no signature", (200, forged(witness.keys[0])), "bad_answer"),
            ("endless", (200, "x" * (1 << 20)), "unreachable"),
            ("the size again and again", (409, "0\n"), "bad_answer"),
            ("a size that jumps", (409, iter(f"{n}\n" for n in (1, 0) * 99)), "bad_answer"),
            ("no size", (409, "much\n"), "bad_answer"),
            ("a larger size", (409, "99999\n"), "ledger_behind_witness"),
            ("elsewhere", (307, ""), "unreachable"),
            ("inconsistent", (422, ""), "ledger_rewritten"),
            ("no", (403, ""), "not_accepted"),
            ("odd", (500, ""), "bad_answer"),
        ]
        for name, answer, why in rows:
            with self.subTest(name), Answering(answer if answer else name) as server, Gateway(start=False) as gateway:
                gateway.write("p", f"witness w {witness.keys[0]} {server.url}\nquorum w\n")
                section = '\n[ledger.witnesses]\npolicy = "p"\nevery_ms = 100\ntimeout_seconds = 0.5\n'
                gateway.write("cordon.toml", gateway.read("cordon.toml") + section)
                gateway.start()
                client = openai.OpenAI(base_url=gateway.openai_base_url, api_key=gateway.key(), max_retries=0)
                client.chat.completions.create(model="gullible", messages=[{"role": "user", "content": "Hello"}])
                status = lambda: json.loads(gateway.cordon("status"))["ledger"]["witnessed"]
                eventually(lambda: status()["witnesses"][0]["failing"] == why, why)
                self.assertEqual((False, 0), (status()["quorum"], status()["size"]))
                self.assertEqual((200, "ok\n"), gateway.admin("/readyz"))
                self.assertEqual(0, gateway.stop())
                self.assertFalse((gateway.ledger / "checkpoint.cosigned").exists())
                done = gateway.run("audit", "verify", "--policy", gateway.data_dir / "p", "--json")
                self.assertEqual((3, "quorum-not-met"), (done.returncode, json.loads(done.stdout)["class"]))


def forged(vkey):
    """A cosignature line with that key's name and id, and zeros where the signature belongs."""
    name, id_, _ = vkey.split("+", 2)
    return f"\u2014 {name} {base64.b64encode(bytes.fromhex(id_) + bytes(72)).decode()}\n"


class Answering:
    """An HTTP server on loopback that answers every POST alike."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                if answer == "hang":
                    done.wait(20)
                if isinstance(answer, str):
                    self.close_connection = True
                    return
                status, body = answer
                body = (body if isinstance(body, str) else next(body, "0\n")).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("location", "/elsewhere") if status == 307 else None
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        done = self.done = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done.set()
        self.server.shutdown()
        self.server.server_close()


class Unwitnessed(unittest.TestCase):
    def test_it_says_so_everywhere(self):
        with Gateway() as gateway:
            self.assertEqual("unwitnessed", json.loads(gateway.cordon("status"))["ledger"]["witnessed"]["state"])
            self.assertEqual("ok\nledger: unwitnessed\n", gateway.admin("/readyz?verbose")[1])
            gateway.stop()
            self.assertIn("unwitnessed: no policy names a witness", gateway.cordon("audit", "verify"))
            self.assertIn("unwitnessed", gateway.run("audit", "show").stderr)
            self.assertFalse(any(json.loads(line)["witnessed"] for line in gateway.cordon("audit", "show").splitlines()))
            self.assertIn("(unwitnessed", gateway.cordon("audit", "prove", "0", "--out", gateway.directory / "p"))

    def test_a_policy_that_is_wrong_is_told(self):
        rows = [
            ("quorum none\n", "no witness in it has a URL"),
            ("quorum w\n", "line 1"),
            ("witness w VKEY http://witness.example\nquorum w\n", "plain http beyond this machine"),
            ("witness w VKEY ftp://127.0.0.1\nquorum w\n", "https://"),
            ("log OTHER\nwitness w VKEY http://127.0.0.1:1\nquorum w\n", "do not accept this gateway's own ledger"),
        ]
        witness = Witness("w")
        self.addCleanup(witness.close)
        with Gateway(start=False) as gateway, Gateway(start=False) as other:
            gateway.write("cordon.toml", gateway.read("cordon.toml") + '\n[ledger.witnesses]\npolicy = "p"\n')
            done = gateway.run("check")
            self.assertEqual(3, done.returncode, done.stdout)
            for text, said in rows:
                with self.subTest(said):
                    text = text.replace("VKEY", witness.keys[1]).replace("OTHER", other.public_key_file.read_text().strip())
                    gateway.write("p", text)
                    done = gateway.run("check")
                    self.assertEqual(3, done.returncode, done.stdout)
                    self.assertIn(said, done.stdout + done.stderr)
            gateway.write("p", f"witness w {witness.keys[1]} http://127.0.0.1:1\nquorum w\n")
            self.assertEqual(0, gateway.run("check").returncode)


if __name__ == "__main__":
    unittest.main()
