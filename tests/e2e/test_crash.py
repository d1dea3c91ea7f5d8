"""The built binary, killed under load again and again; and a disk that takes nothing more.

What always holds: every exchange whose answer arrived whole has its intent and its outcome in the ledger afterwards, and
the ledger verifies. Load goes to loopback, a few requests at a time, for a few rounds.
"""

import json
import os
import resource
import signal
import threading
import time
import unittest
import urllib.error
import urllib.request

from gateway import Gateway, eventually

ROUNDS = int(os.environ.get("CORDON_CRASH_ROUNDS", "12"))
CALLERS = 4


class Load:
    """Callers that send until they are told to stop; the ids of the exchanges whose answers arrived whole."""

    def __init__(self, gateway):
        self.url, self.key = gateway.openai_base_url + "/chat/completions", gateway.key()
        self.over, self.answered, self.statuses = threading.Event(), [], []
        # Each caller's own, in the order in which it got them: between callers, who notes first says nothing.
        self.of_caller = [[] for _ in range(CALLERS)]
        self.threads = [threading.Thread(target=self.call, args=(n,), daemon=True) for n in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def call(self, caller):
        number = 0
        while not self.over.is_set():
            number += 1
            message = {"role": "user", "content": f"Hello {caller} {number}"}
            body = json.dumps({"model": "gullible", "messages": [message]}).encode()
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            request = urllib.request.Request(self.url, body, headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    json.loads(answer.read())
                    self.answered.append(answer.headers["x-request-id"] or answer.headers["request-id"])
                    self.note(caller, answer.status)
            except urllib.error.HTTPError as refused:
                self.note(caller, refused.code)
            except (OSError, ValueError):
                # Cut off by the kill: nothing was acknowledged.
                return

    def note(self, caller, status):
        self.statuses.append(status)
        self.of_caller[caller].append(status)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)


def generous(text):
    return text.replace("requests_per_minute = 600", "requests_per_minute = 1000000")


def by_request(gateway):
    """The kinds of records of each request."""
    found = {}
    for entry in gateway.records():
        if "rq" in entry["record"]:
            found.setdefault(entry["record"]["rq"], []).append(entry["record"]["t"])
    return found


def bare(request_id):
    """The 32 digits of an id, however it is dressed."""
    return "".join(c for c in request_id.removeprefix("req_") if c in "0123456789abcdef")[-32:]


class Killed(unittest.TestCase):
    def test_killed_under_load(self):
        with Gateway(manifest=generous, start=False) as gateway:
            answered, size = [], 0
            for number in range(ROUNDS):
                gateway.start()
                load = Load(gateway)
                # Another moment each round: amid a commit, a checkpoint, a journal's end.
                eventually(lambda: len(load.answered) > 5, "the load runs")
                time.sleep(0.05 + 0.13 * (number % 9))
                if number % 3 == 1:
                    gateway.run("audit", "epoch", "rotate")
                gateway.stop(signal.SIGKILL)
                load.stop()
                answered += load.answered
                # At rest, before any recovery: nobody is blamed.
                code = gateway.run("audit", "verify", "--json")
                self.assertEqual(0, code.returncode, code.stdout + code.stderr)
                said = json.loads(code.stdout)
                self.assertGreaterEqual(said["size"] + said["pending"], size)
                size = said["size"] + said["pending"]
            gateway.start()
            gateway.stop()
            self.assertGreater(len(answered), ROUNDS * 5)
            records = by_request(gateway)
            lost = [i for i in answered if sorted(records.get(bare(i), [])) != ["intent", "outcome"]]
            self.assertEqual([], lost, f"of {len(answered)} answered exchanges")
            said = json.loads(gateway.cordon("audit", "verify", "--json"))
            self.assertEqual(0, said["pending"])
            self.assertGreaterEqual(said["size"], size)
            gateway.close_verified()


class Full(unittest.TestCase):
    def test_a_disk_that_takes_no_more_stops_traffic_and_loses_nothing(self):
        with Gateway(manifest=generous, start=False) as gateway:
            # A file larger than the limit is an error to the process, not its end.
            handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            try:
                gateway.start(restore_signals=False)
            finally:
                signal.signal(signal.SIGXFSZ, handler)
            load = Load(gateway)
            eventually(lambda: len(load.answered) > 20, "the load runs")
            resource.prlimit(gateway.process.child.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            eventually(lambda: 503 in load.statuses[-CALLERS:], "refused with the record unavailable")
            load.stop()
            for statuses in load.of_caller:
                after = statuses[statuses.index(503) :] if 503 in statuses else []
                self.assertNotIn(200, after, "nothing is answered without a record")
            self.assertEqual(503, gateway.admin("/readyz")[0])
            gateway.stop(signal.SIGKILL)
            gateway.start()
            more = Load(gateway)
            eventually(lambda: len(more.answered) > 5, "it works again")
            more.stop()
            gateway.stop()
            records = by_request(gateway)
            for request in load.answered + more.answered:
                self.assertEqual(["intent", "outcome"], sorted(records.get(bare(request), [])), request)
            gateway.close_verified()
