"""Keeping and giving up records, over a running gateway and over a directory at rest: epochs, erasure with a receipt,
legal holds, pruning. What was destroyed is in no file any more; every proof ever made stays good.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import openai

from gateway import VERIFIER, Gateway, after_section, binary, eventually

USER = "jane.doe@example.com"


def client(gateway, user=None):
    headers = {}
    if user:
        front = gateway.new_key("dev", "front")["text"]
        headers = {"x-cordon-user": user, "x-cordon-front-key": front}
    return openai.OpenAI(
        base_url=gateway.openai_base_url, api_key=gateway.key(), max_retries=0, timeout=60, default_headers=headers
    )


def ask(api, text="Hello"):
    return api.chat.completions.create(model="gullible", messages=[{"role": "user", "content": text}])


def audit(gateway, *arguments):
    return json.loads(gateway.cordon("audit", *arguments, "--json"))


def proof(gateway, index):
    """An offline proof, as a file's text."""
    return gateway.cordon("audit", "prove", index)


class Erasure(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway()
        self.addCleanup(self.gateway.close)

    def intents(self):
        return [e for e in self.gateway.records() if e["record"]["t"] == "intent" and "user" in e["record"]]

    def test_an_epoch_is_erased_while_the_gateway_runs(self):
        gateway = self.gateway
        api = client(gateway, USER)
        ask(api)
        ask(api)
        first = eventually(lambda: len(found := self.intents()) == 2 and found, "two intents")
        self.assertEqual(1, len({e["record"]["user"] for e in first}), "the same user, the same pseudonym")
        self.assertNotIn("ep", first[0]["record"])
        kept = {e["index"]: proof(gateway, e["index"]) for e in first}
        key = re.search("^key ([0-9a-f]{64})$", gateway.read("keys/epochs/1.key"), re.MULTILINE).group(1)

        audit(gateway, "epoch", "rotate")
        ask(api)
        later = eventually(lambda: len(found := self.intents()) == 3 and found, "a third intent")[-1]
        self.assertEqual(2, later["record"]["ep"])
        self.assertNotEqual(first[0]["record"]["user"], later["record"]["user"], "another epoch, another pseudonym")

        refused = gateway.run("audit", "erase", "--epoch", 1)
        self.assertEqual((1, True), (refused.returncode, "--yes" in refused.stderr), refused.stderr)
        current = gateway.run("audit", "erase", "--epoch", 2, "--yes")
        self.assertIn("current", current.stderr)
        said = audit(gateway, "erase", "--epoch", 1, "--yes")
        states = [e["state"] for e in audit(gateway, "epoch", "list")["epochs"]]
        self.assertEqual(["shredded", "current"], states)

        gateway.stop()
        for path in gateway.data_dir.rglob("*"):
            if path.is_file() and not path.is_socket():
                data = path.read_bytes()
                self.assertFalse(key.encode() in data or bytes.fromhex(key) in data, path)
        # The records and their proofs are what they were.
        after = {e["index"]: e["record"] for e in gateway.records()}
        for entry in first:
            self.assertEqual(entry["record"], after[entry["index"]])
        self.assertEqual(0, gateway.run("audit", "verify").returncode)
        if theirs := os.environ.get("CORDON_TLOG_PYTHON"):
            for index, text in kept.items():
                path = gateway.directory / f"{index}.tlog-proof"
                path.write_text(text)
                command = [theirs, VERIFIER, gateway.ledger, gateway.public_key_file, "--proof", path]
                subprocess.run(list(map(str, command)), check=True, timeout=120, stdout=subprocess.DEVNULL)
        # The receipt is checked anywhere, with the public key alone, and the log says the same.
        receipt = gateway.data_dir / said["receipt_file"]
        elsewhere = gateway.directory / "receipt"
        shutil.copy(receipt, elsewhere)
        command = [binary(), "audit", "receipt", elsewhere, "--key", gateway.public_key_file, "--json"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((0, {"epoch": 1}), (done.returncode, json.loads(done.stdout)["erased"]), done.stderr)
        self.assertEqual("epoch_shredded", after[said["recorded_at"]]["what"])
        elsewhere.write_text(receipt.read_text().replace("epoch 1", "epoch 7"))
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(3, done.returncode, done.stdout)

    def test_a_hold_forbids_it(self):
        gateway = self.gateway
        ask(client(gateway))
        audit(gateway, "epoch", "rotate")
        number = audit(gateway, "hold", "add", "--agent", "dev")["hold"]
        # At once: also records that no checkpoint covers yet are held.
        self.assertIn(f"legal hold {number}", gateway.run("audit", "erase", "--epoch", 1, "--yes").stderr)
        gateway.restart()
        self.assertIn(f"legal hold {number}", gateway.run("audit", "erase", "--epoch", 1, "--yes").stderr)
        audit(gateway, "hold", "lift", number)
        audit(gateway, "erase", "--epoch", 1, "--yes")
        gateway.stop()
        kinds = [e["record"].get("what") for e in gateway.records()]
        for kind in ("epoch_begun", "hold_set", "hold_lifted", "epoch_shredded"):
            self.assertIn(kind, kinds)
        self.assertEqual(1, gateway.run("audit", "hold", "add").returncode, "a hold needs a scope")

    def test_a_directory_from_before_there_were_epochs(self):
        """The old single key: the gateway starts, the old pseudonyms are epoch 1's, a killed user stays killed."""
        gateway = self.gateway
        gateway.stop()
        for name in ("keys/epochs/1.key", "keys/epochs/index"):
            (gateway.data_dir / name).unlink()
        gateway.write("keys/epoch.key", "5a" * 32)
        # A kill as it was made then: under the one key that there was.
        gateway.write("keys/users.key", "5a" * 32)
        gateway.cordon("kill", "user-name:mallory")
        for name in ("keys/users.key", "keys/epochs/2.key", "keys/epochs/index"):
            (gateway.data_dir / name).unlink()
        gateway.start()
        ask(client(gateway, USER))
        with self.assertRaises(openai.PermissionDeniedError):
            ask(client(gateway, "mallory"))
        epochs = audit(gateway, "epoch", "list")["epochs"]
        self.assertEqual([(1, "kept"), (2, "current")], [(e["epoch"], e["state"]) for e in epochs])
        refused = gateway.run("audit", "erase", "--epoch", 1, "--yes")
        self.assertIn("kill", refused.stderr, "the kill would no longer hold")
        kills = json.loads(gateway.cordon("kill", "--list", "--json"))["kills"]
        gateway.cordon("unkill", kills[0]["scope"])
        gateway.restart()
        gateway.cordon("kill", "user-name:mallory")
        audit(gateway, "erase", "--epoch", 1, "--yes")
        self.assertFalse((gateway.data_dir / "keys/epoch.key").exists())
        with self.assertRaises(openai.PermissionDeniedError):
            ask(client(gateway, "mallory"))
        gateway.restart()
        with self.assertRaises(openai.PermissionDeniedError):
            ask(client(gateway, "mallory"))

    def test_a_broken_key_is_not_worked_with(self):
        gateway = self.gateway
        gateway.stop()
        text = gateway.read("keys/epochs/1.key")
        gateway.write("keys/epochs/1.key", text.replace("key ", "key 0", 1))
        with self.assertRaises(RuntimeError) as failed:
            gateway.start()
        self.assertIn("epoch-key-damaged", str(failed.exception))


class Commitments(unittest.TestCase):
    def test_a_body_is_committed_to_until_its_salt_is_destroyed(self):
        def config(text):
            return after_section(text, "[ledger]", "commit = true")

        with Gateway(config=config) as gateway:
            body = json.dumps({"model": "gullible", "messages": [{"role": "user", "content": "Committed words"}]})
            sent = subprocess.run(
                ["curl", "-sf", gateway.openai_base_url + "/chat/completions", "-d", body,
                 "-H", f"Authorization: Bearer {gateway.key()}", "-H", "Content-Type: application/json"],
                capture_output=True, timeout=60, check=False,
            )
            self.assertEqual(0, sent.returncode, sent.stdout)
            intents = lambda: [e for e in gateway.records() if e["record"]["t"] == "intent"]
            (entry,) = eventually(intents, "an intent")
            self.assertRegex(entry["record"]["commit"], "^[0-9a-f]{64}$")
            file = gateway.directory / "body"

            def match(text):
                file.write_text(text)
                done = gateway.run("audit", "match", entry["index"], "--body", file, "--json")
                return done.returncode, json.loads(done.stdout)["body"]

            self.assertEqual((0, "same"), match(body))
            self.assertEqual((3, "other"), match(body + " "))
            gateway.restart()
            self.assertEqual((0, "same"), match(body))
            self.assertEqual(1, audit(gateway, "erase", "--record", entry["index"], "--yes")["salts"])
            self.assertEqual((3, "shredded"), match(body))
            again = gateway.run("audit", "erase", "--record", entry["index"], "--yes")
            self.assertEqual(1, again.returncode, again.stdout)
            gateway.close_verified()

    def test_it_is_off_by_default(self):
        with Gateway() as gateway:
            ask(client(gateway))
            gateway.stop()
            self.assertFalse(any("commit" in e["record"] for e in gateway.records()))
            self.assertFalse((gateway.data_dir / "salts").exists())


class Pruning(unittest.TestCase):
    """Records are given up by their age; what was proven stays proven; nothing else may be missing."""

    @classmethod
    def setUpClass(cls):
        def config(text):
            return text + "\n[ledger.retention]\nexchanges_days = 0.00001\ncontrol_days = 0.00001\n"

        generous = "requests_per_minute = 100000"
        cls.gateway = Gateway(
            config=config, manifest=lambda text: text.replace("requests_per_minute = 600", generous)
        )
        cls.addClassCleanup(cls.gateway.close)
        api = client(cls.gateway)
        for number in range(300):
            ask(api, f"Hello {number}")
        gateway = cls.gateway
        gateway.restart()
        cls.records = gateway.records()
        cls.proof = proof(gateway, 5)
        dry = lambda: (plan := audit(gateway, "prune", "--dry-run"))["bundles"] >= 2 and plan
        cls.dry = eventually(dry, "the records are old enough")
        cls.before = {p.name for p in (gateway.ledger / "tile/entries").iterdir()}
        cls.plan = audit(gateway, "prune")
        gateway.stop()

    def copy(self):
        directory = Path(tempfile.mkdtemp(prefix="cordon-e2e-pruned-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        shutil.copytree(self.gateway.ledger, directory / "ledger", ignore=shutil.ignore_patterns("lock"))
        return directory / "ledger"

    def verify(self, ledger):
        command = [binary(), "audit", "verify", "--json", "--ledger", ledger, "--key", self.gateway.public_key_file]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, json.loads(done.stdout)

    def independently(self, ledger, *arguments):
        theirs = os.environ.get("CORDON_TLOG_PYTHON")
        if not theirs:
            self.skipTest("aics-tlog: CORDON_TLOG_PYTHON is not set (it needs Python 3.12 or newer)")
        command = [theirs, VERIFIER, ledger, self.gateway.public_key_file, *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)

    def test_a_dry_run_changes_nothing(self):
        self.assertTrue(self.dry["dry_run"])
        self.assertIn("000", self.before)

    def test_bundles_are_gone_and_tiles_are_not(self):
        self.assertEqual(512, self.plan["minimum"])
        left = {p.name for p in (self.gateway.ledger / "tile/entries").iterdir()}
        self.assertFalse({"000", "001"} & left)
        self.assertTrue((self.gateway.ledger / "tile/0/000").exists())

    def test_what_is_left_is_verified_and_shown(self):
        code, said = self.verify(self.copy())
        self.assertEqual((0, 512), (code, said["minimum"]), said)
        shown = self.gateway.records()
        self.assertEqual(512, shown[0]["index"])
        kept = [e for e in self.records if e["index"] >= 512]
        self.assertEqual(kept, shown[: len(kept)])
        self.assertIn("pruned", [e["record"].get("what") for e in shown])

    def test_proofs(self):
        gone = self.gateway.run("audit", "prove", 5)
        self.assertEqual(1, gone.returncode)
        self.assertIn("pruned", gone.stderr)
        self.assertIn("index 520", proof(self.gateway, 520))

    def test_an_independent_implementation_verifies_it(self):
        ledger = self.copy()
        done = self.independently(ledger)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual(512, json.loads(done.stdout)["minimum"])
        # A proof from before, with the record that its holder kept.
        record = ledger.parent / "record"
        record.write_text(json.dumps(self.records[5]["record"], separators=(",", ":")))
        old = ledger.parent / "old.tlog-proof"
        old.write_text(self.proof)
        done = self.independently(ledger, "--proof", old, record)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_a_missing_bundle_is_no_pruned_one(self):
        ledger = self.copy()
        for bundle in (ledger / "tile/entries").glob("002*"):
            shutil.rmtree(bundle) if bundle.is_dir() else bundle.unlink()
        self.assertEqual((3, "missing-bundle"), (lambda c, s: (c, s["class"]))(*self.verify(ledger)))

    def test_a_minimum_index_is_not_made_up(self):
        ledger = self.copy()
        (ledger / "minimum").write_text((ledger / "minimum").read_text().replace("minimum 512", "minimum 256"))
        self.assertEqual((3, "minimum-changed"), (lambda c, s: (c, s["class"]))(*self.verify(ledger)))
        (ledger / "minimum").unlink()
        self.assertEqual((3, "missing-bundle"), (lambda c, s: (c, s["class"]))(*self.verify(ledger)))

    def test_the_gateway_goes_on(self):
        directory = Path(tempfile.mkdtemp(prefix="cordon-e2e-pruned-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        with Gateway(start=False) as other:
            shutil.rmtree(other.data_dir)
            shutil.copytree(self.gateway.data_dir, other.data_dir, ignore=shutil.ignore_patterns("lock", "*.sock"))
            other.start()
            ask(client(other))
            other.stop()
            code, said = self.verify(other.ledger)
            self.assertEqual((0, 512), (code, said["minimum"]), said)
            self.assertGreater(said["size"], len(self.records))
