"""Callers that send what they should not. Each gets a clear error in its own dialect or a clean end, and a record;
a well-behaved caller beside them notices nothing, and the gateway's memory stays where it was.
"""

import json
import re
import socket
import threading
import time
import unittest
from pathlib import Path

from gateway import Gateway, after_section, eventually
from rawhttp import CHAT, MESSAGES, Closed, Wire, ask, chat, head, message, request

# Small, so that reaching them costs a test little.
BODY = 1 << 20
LIMITS = f"""
body_bytes = {BODY}
answer_bytes = {BODY}
event_bytes = 65536
header_bytes = 16384
depth = 32
nodes = 20000
messages = 50
tools = 10
"""
TIMEOUTS = """
header_read_seconds = 1
idle_seconds = 6
body_idle_seconds = 1
body_total_seconds = 3
upstream_head_seconds = 2
upstream_idle_seconds = 2
total_seconds = 10
client_write_idle_seconds = 3
drain_seconds = 5
"""
# Beyond what the process held before the abuse, in bytes. Bodies under way at once explain some, never all.
MEMORY = 160 << 20


def limited(text):
    """The starter config with these limits."""
    return after_section(after_section(text, "[limits]", LIMITS), "[limits.timeouts]", TIMEOUTS)


def unbudgeted(text):
    """The starter manifest without budgets: these tests are about something else."""
    start, end = text.index("[budgets]"), text.index("# What happens to each kind")
    return text[:start] + text[end:]


def memory(gateway, name):
    """What the kernel says of the gateway's process, in bytes."""
    text = Path(f"/proc/{gateway.process.child.pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) << 10


# Records name some refusals more broadly than errors do.
RECORDED = {
    "header_refused": "unknown_field", "model_not_found": "model_not_listed", "size_or_time_limit": "body_too_large",
    "invalid_credential": "unauthenticated", "user_not_vouched": "unauthenticated",
}


class Steady(threading.Thread):
    """A well-behaved caller that goes on all the while."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway, self.over, self.good, self.bad = gateway, threading.Event(), 0, []

    def run(self):
        body = request(CHAT, self.gateway.key(), chat("hello there"))
        while not self.over.is_set():
            try:
                with Wire(self.gateway.anthropic_base_url) as wire:
                    for _ in range(5):
                        wire.send(body)
                        answer = wire.answer()
                        if answer.status == 200 and b"hello there" in answer.body:
                            self.good += 1
                        else:
                            self.bad.append((answer.status, answer.body))
            except (OSError, Closed) as error:
                self.bad.append(repr(error))
            self.over.wait(0.1)


class Abused(unittest.TestCase):
    """A gateway with small limits, and someone beside who is served throughout."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(config=cls.config, manifest=unbudgeted)
        cls.addClassCleanup(cls.gateway.close)
        cls.url = cls.gateway.anthropic_base_url
        cls.key = cls.gateway.key()
        for _ in range(20):
            ask(cls.url, CHAT, cls.key, chat("warm"))
        cls.before = cls.memory()
        cls.steady = Steady(cls.gateway)
        cls.steady.start()

    @staticmethod
    def config(text):
        return limited(text)

    @classmethod
    def memory(cls):
        return memory(cls.gateway, "VmRSS")

    def setUp(self):
        self.good_before = self.steady.good

    def tearDown(self):
        # Someone beside was served while this test ran, and the process does not hoard.
        eventually(lambda: self.steady.good > self.good_before, "a healthy request beside the abuse")
        self.assertEqual(self.steady.bad, [])
        self.assertLess(self.memory() - self.before, MEMORY)

    @classmethod
    def tearDownClass(cls):
        cls.steady.over.set()
        cls.steady.join(30)
        assert "panicked" not in cls.gateway.stderr(), cls.gateway.stderr()

    def refused(self, answer, status, code=None, dialect=None, because=None):
        """The answer is a refusal, in the dialect; gives what its record must say."""
        self.assertEqual(answer.status, status, answer.body)
        error = answer.error
        self.assertTrue(error["message"])
        if (dialect or "openai") == "openai":
            self.assertEqual(set(error), {"message", "type", "param", "code"})
            if code:
                self.assertEqual(error["code"], code, error)
        else:
            self.assertEqual(answer.json["type"], "error")
            self.assertEqual(set(answer.json), {"type", "error", "request_id"})
            self.assertEqual(answer.headers["request-id"], answer.headers["x-request-id"])
        return answer.request, RECORDED.get(because or code, because or code)

    def recorded(self, *expected):
        """Each of these (request, why) has a leaf that says so."""

        def missing():
            leaves = {}
            for line in self.gateway.records():
                record = line["record"]
                if "rq" in record:
                    leaves.setdefault(record["rq"], set()).add(record.get("why", record.get("end")))
            return [(rq, why) for rq, why in expected if not leaves.get(rq) or (why and why not in leaves[rq])]

        try:
            eventually(lambda: not missing(), "all records", 15)
        except AssertionError:
            self.fail(f"without a record: {missing()}")


def nested(depth, opening="[", closing="]"):
    return (opening * depth + closing * depth).encode()


USER = b'"messages":[{"role":"user","content":"hi"}]'
GOOD_END = b'"model":"gullible",' + USER + b"}"
# name, body, code. All are 400.
MALFORMED = [
    ("empty", b"", "invalid_json"),
    ("blank", b" \n", "invalid_json"),
    ("not JSON", b"model=gullible", "invalid_json"),
    ("cut", b'{"model":"gullible"', "invalid_json"),
    ("cut in a string", b'{"model":"gull', "invalid_json"),
    ("trailing comma", b'{"model":"gullible",}', "invalid_json"),
    ("single quotes", b"{'model':'gullible'}", "invalid_json"),
    ("comment", b'{/*x*/' + GOOD_END, "invalid_json"),
    ("NaN", b'{"temperature":NaN,' + GOOD_END, "invalid_json"),
    ("a leading zero", b'{"n":01,' + GOOD_END, "invalid_json"),
    ("control character in a string", b'{"model":"gullible","messages":[{"role":"user","content":"a\x01b"}]}', "invalid_json"),
    ("lone surrogate", b'{"model":"gullible","messages":[{"role":"user","content":"\\ud800"}]}', None),
    ("byte order mark", b"\xef\xbb\xbf{" + GOOD_END, "invalid_json"),
    ("UTF-16", ("{" + GOOD_END.decode()).encode("utf-16"), None),
    ("not UTF-8", b'{"model":"gullible","messages":[{"role":"user","content":"\xff\xfe"}]}', "invalid_utf8"),
    ("overlong UTF-8", b'{"model":"gullible","messages":[{"role":"user","content":"\xc0\xaf"}]}', "invalid_utf8"),
    ("UTF-8 of a surrogate", b'{"model":"gullible","messages":[{"role":"user","content":"\xed\xa0\x80"}]}', "invalid_utf8"),
    ("not UTF-8 in a key", b'{"\xff":1,' + GOOD_END, "invalid_utf8"),
    ("two values", b"{" + GOOD_END + b"{}", "trailing_data"),
    ("text behind it", b"{" + GOOD_END + b" x", "trailing_data"),
    ("a NUL behind it", b"{" + GOOD_END + b"\0", "trailing_data"),
    ("same key twice", b'{"model":"other",' + GOOD_END, "duplicate_key"),
    ("same key, escaped", b'{"\\u006dodel":"other",' + GOOD_END, "duplicate_key"),
    ("same key, deeper", b'{"model":"gullible","messages":[{"role":"system","role":"user","content":"hi"}]}', "duplicate_key"),
    ("differs in case", b'{"Model":"other",' + GOOD_END, None),
    ("differs in case, escaped", b'{"\\u004dodel":"other",' + GOOD_END, None),
    ("differs in case only", b'{"Model":"gullible",' + USER + b"}", None),
    ("differs in case, deeper", b'{"model":"gullible","messages":[{"role":"user","content":"hi","Content":"ho"}]}', None),
    ("Kelvin sign for k", '{"max_to\u212aens":1,'.encode() + GOOD_END, None),
    ("unknown field", b'{"tomorrow":1,' + GOOD_END, "unknown_field"),
    ("unknown field, deeper", b'{"model":"gullible","messages":[{"role":"user","content":"hi","extra":1}]}', "unknown_field"),
    ("unknown role", b'{"model":"gullible","messages":[{"role":"root","content":"hi"}]}', None),
    ("unknown part", b'{"model":"gullible","messages":[{"role":"user","content":[{"type":"zip","zip":"x"}]}]}', None),
    ("wrong type", b'{"model":["gullible"],' + USER + b"}", "wrong_type"),
    ("a list", b"[]", None),
    ("null", b"null", None),
    ("no model", b"{" + USER + b"}", "missing_field"),
    ("deep list", nested(5000), None),
    ("deep object", b'{"a":' * 5000 + b"1" + b"}" * 5000, None),
    ("deep, unclosed", b"[" * 900_000, None),
    ("deep where it may be", b'{"model":"gullible","metadata":{"a":' + nested(100) + b"}," + USER + b"}", None),
    ("too many values", b'{"model":"gullible","messages":[' + b"0," * 30000 + b"0]}", None),
    ("too many messages", json.dumps({"model": "gullible", "messages": [{"role": "user", "content": "hi"}] * 60}).encode(), "too_many"),
    ("a number without end", b'{"seed":' + b"9" * 400_000 + b"," + GOOD_END, None),
    ("a key without end", b'{"' + b"k" * 900_000 + b'":1,' + GOOD_END, None),
]


class Bodies(Abused):
    """JSON that is not what it should be, in both dialects."""

    def test_malformed_json(self):
        expected = []
        for path, dialect in ((CHAT, "openai"), (MESSAGES, "anthropic")):
            for name, body, code in MALFORMED:
                with self.subTest(name, dialect=dialect):
                    answer = ask(self.url, path, self.key, body)
                    expected.append(self.refused(answer, 400, code, dialect))
                    self.assertLess(len(answer.body), 2000, "an error that repeats what was sent")
        self.recorded(*expected)

    def test_counting_tokens_is_as_strict(self):
        answer = ask(self.url, "/v1/messages/count_tokens", self.key, b'{"model":"gullible","model":"x"}')
        self.recorded(self.refused(answer, 400, "duplicate_key", "anthropic"))

    def test_content_types_and_encodings(self):
        rows = [
            (415, {"content_type": "text/plain"}),
            (415, {"content_type": "application/x-www-form-urlencoded"}),
            (415, {"content_type": "multipart/form-data; boundary=x"}),
            (415, {"content_type": "application/json-seq"}),
            (415, {"content_encoding": "gzip"}),
            (415, {"content_encoding": "br"}),
            (415, {"content_encoding": "identity, gzip"}),
            (200, {"content_type": "application/json; charset=utf-8"}),
            (200, {"content_type": "Application/JSON"}),
            (200, {"content_encoding": "identity"}),
        ]
        expected = []
        for status, headers in rows:
            with self.subTest(headers):
                answer = ask(self.url, CHAT, self.key, chat("hi"), **headers)
                self.assertEqual(answer.status, status, answer.body)
                if status != 200:
                    expected.append(self.refused(answer, status, "header_refused"))
        self.recorded(*expected)

    def test_unknown_routes_and_methods(self):
        rows = [
            ("POST", "/v1/completions", 404), ("POST", "/v1/embeddings", 404), ("POST", "/v1/responses", 404),
            ("POST", "/v1/chat/completions/", 404), ("POST", "//v1/chat/completions", 404),
            ("POST", "/v1/./chat/completions", 404), ("POST", "/v1/chat%2fcompletions", 404),
            ("POST", "/V1/chat/completions", 404), ("POST", "/v1/chat/completions;x", 404),
            ("POST", "/v1/x/../chat/completions", 404), ("POST", "/v1/files", 404), ("GET", "/", 404),
            ("POST", "/v1/messages/batches", 404), ("GET", "/v1/models/", 404), ("GET", "/metrics", 404),
            ("GET", "/cordon/v1/status", 404), ("GET", "/v1/models/none", 404), ("GET", "/v1/models/a/b", 404),
            ("GET", CHAT, 405), ("PUT", CHAT, 405), ("DELETE", MESSAGES, 405), ("PATCH", CHAT, 405),
            ("OPTIONS", CHAT, 405), ("TRACE", CHAT, 405), ("BREW", CHAT, 405), ("post", CHAT, 405),
            ("POST", "/v1/models", 405), ("POST", CHAT + "?model=gpt-4", 400), ("POST", MESSAGES + "?beta=false", 400),
        ]
        expected = []
        for method, path, status in rows:
            with self.subTest(path, method=method):
                dialect = "anthropic" if path.startswith(MESSAGES) else "openai"
                answer = ask(self.url, path, self.key, chat("hi"), method=method)
                code = "model_not_found" if path in ("/v1/models/none", "/v1/models/a/b") else "unknown_route"
                expected.append(self.refused(answer, status, code, dialect))
        self.recorded(*expected)

    def test_connect_is_not_a_proxy(self):
        with Wire(self.url) as wire:
            wire.send(head("example.com:443", self.key, method="CONNECT"))
            self.assertGreaterEqual(wire.answer().status, 400)


class Sizes(Abused):
    """More than is taken, more slowly than is waited for, other than was said."""

    def test_a_hundred_megabytes_declared(self):
        expected = []
        for path, dialect in ((CHAT, "openai"), (MESSAGES, "anthropic")):
            with Wire(self.url) as wire:
                wire.send(head(path, self.key, content_length=100 << 20))
                # Refused before a byte of it: nobody has to send it first.
                expected.append(self.refused(wire.answer(), 413, "size_or_time_limit", dialect))
        self.recorded(*expected)

    def test_a_hundred_megabytes_sent_all_the_same(self):
        piece = b"x" * (1 << 20)
        for chunked in (False, True):
            with self.subTest(chunked=chunked), Wire(self.url) as wire:
                lines = {"transfer_encoding": "chunked"} if chunked else {"content_length": 100 << 20}
                wire.send(head(CHAT, self.key, **lines))
                framed = b"%x\r\n" % len(piece) + piece + b"\r\n" if chunked else piece
                sent = 0
                while sent < 100 and wire.send(framed):
                    sent += 1
                # An answer may be lost where the server resets a connection on which someone keeps sending.
                try:
                    self.recorded(self.refused(wire.answer(), 413, "size_or_time_limit"))
                except (Closed, OSError):
                    self.assertLess(sent, 100)

    def test_just_over_and_just_at_the_limit(self):
        for size, status in ((BODY, 200), (BODY + 1, 413)):
            body = chat("hi")
            body = body[:-1] + b" " * (size - len(body)) + b"}"
            with self.subTest(size):
                self.assertEqual(ask(self.url, CHAT, self.key, body).status, status)

    def test_a_length_that_lies(self):
        body = chat("hi")
        with self.subTest("longer than what comes, then half-closed"), Wire(self.url) as wire:
            wire.send(request(CHAT, self.key, body, content_length=len(body) + 10))
            wire.done_sending()
            try:
                answer = wire.answer()
                self.assertIn(answer.status, (400, 408))
            except Closed as end:
                self.assertEqual(end.seen, b"")
        with self.subTest("longer than what comes, then silence"), Wire(self.url) as wire:
            wire.send(request(CHAT, self.key, body, content_length=len(body) + 10))
            self.recorded(self.refused(wire.answer(), 408, "size_or_time_limit"))
        with self.subTest("shorter than what comes"), Wire(self.url) as wire:
            wire.send(request(CHAT, self.key, body, content_length=len(body) - 1) + b"\r\n")
            self.recorded(self.refused(wire.answer(), 400, "invalid_json"))
        for wrong in ("-1", "0x10", "1e3", "99999999999999999999999999", "", "1,1", "+5", "5 5"):
            with self.subTest(wrong), Wire(self.url) as wire:
                wire.send(request(CHAT, self.key, body, content_length=wrong))
                try:
                    self.assertIn(wire.answer().status, (400, 413))
                except Closed as end:
                    self.assertEqual(end.seen, b"")

    def test_slow_headers(self):
        with Wire(self.url) as wire:
            wire.send(b"POST /v1/chat/completions HTTP/1.1\r\n")
            began = time.monotonic()
            while time.monotonic() - began < 20 and wire.send(b"x-slow: 1\r\n"):
                time.sleep(0.2)
            self.assertLess(time.monotonic() - began, 20, "slow headers were waited for")

    def test_a_kept_connection(self):
        with Wire(self.url) as wire:
            for pause in (0, 3):
                time.sleep(pause)
                wire.send(request(CHAT, self.key, chat("hi")))
                self.assertEqual(wire.answer().status, 200, "it waits for longer than for a head that has begun")
            with self.subTest("the next head is slow"):
                began = time.monotonic()
                while time.monotonic() - began < 5 and wire.send(b"P"):
                    time.sleep(0.2)
                self.assertLess(time.monotonic() - began, 5)
        with Wire(self.url) as wire:
            wire.send(request(CHAT, self.key, chat("hi")))
            self.assertEqual(wire.answer().status, 200)
            began = time.monotonic()
            self.assertEqual(wire.rest(), b"")
            self.assertGreater(time.monotonic() - began, 4)
        with self.subTest("a stranger's"), Wire(self.url) as wire:
            wire.send(request(CHAT, "no-key", chat("hi")))
            self.assertEqual(wire.answer().status, 401)
            began = time.monotonic()
            self.assertEqual(wire.rest(), b"")
            self.assertLess(time.monotonic() - began, 4)

    def test_nothing_at_all(self):
        with Wire(self.url) as wire:
            self.assertIn(wire.rest()[:12], (b"", b"HTTP/1.1 408"))

    def test_slow_body(self):
        with self.subTest("it stops"), Wire(self.url) as wire:
            wire.send(head(MESSAGES, self.key, content_length=500) + b"{")
            self.recorded(self.refused(wire.answer(), 408, "size_or_time_limit", "anthropic"))
        with self.subTest("it trickles"), Wire(self.url) as wire:
            wire.send(head(CHAT, self.key, content_length=500))
            trickle = threading.Thread(target=lambda: [wire.send(b" ") and time.sleep(0.3) for _ in range(60)], daemon=True)
            trickle.start()
            self.recorded(self.refused(wire.answer(), 408, "size_or_time_limit"))

    def test_a_body_that_breaks_off(self):
        for ending in (b"", b"5\r\nhel", b"zz\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\r\nhelloX\r\n"):
            with self.subTest(ending), Wire(self.url) as wire:
                wire.send(head(CHAT, self.key, transfer_encoding="chunked") + ending)
                wire.done_sending()
                try:
                    self.assertEqual(wire.answer().status, 400)
                except Closed as end:
                    self.assertEqual(end.seen, b"")

    def test_a_caller_that_goes_away(self):
        for stream in (False, True):
            for _ in range(20):
                with Wire(self.url) as wire:
                    wire.send(request(CHAT, self.key, chat("gullible:fault=stall hello", stream=stream)))
                    # Reset instead of an orderly end.
                    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        eventually(lambda: self.status()["requests_under_way"] <= 2, "what they held is free again")

    def test_a_caller_that_does_not_read(self):
        text = "Say exactly: " + "word " * 4000
        with Wire(self.url) as wire:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one = request(CHAT, self.key, chat(text, stream=True))
            for _ in range(40):
                wire.socket.settimeout(0.5)
                try:
                    if not wire.send(one):
                        break
                except TimeoutError:
                    break
            eventually(lambda: self.status()["requests_under_way"] <= 2, "it was let go")

    def status(self):
        return json.loads(self.gateway.cordon("status"))


class Headers(Abused):
    """Headers that are too large, too many, or say two things."""

    def test_too_large_and_too_many(self):
        rows = {
            "one large": {"x_large": "a" * 40_000},
            "many": {f"x_many_{i}": "a" for i in range(200)},
            "many and large": {f"x_many_{i}": "a" * 400 for i in range(90)},
            "a large name": {"x" * 40_000: "a"},
        }
        for name, headers in rows.items():
            with self.subTest(name):
                self.assertEqual(ask(self.url, CHAT, self.key, chat("hi"), **headers).status, 431)

    def test_a_long_target(self):
        self.assertIn(ask(self.url, "/" + "a" * 70_000, self.key, chat("hi")).status, (414, 431))

    def test_said_twice(self):
        body = chat("hi")
        other = "authorization: Bearer x\r\n"
        rows = {
            "authorization": (other, 400),
            "authorization, the same": (f"authorization: Bearer {self.key}\r\n", 400),
            "authorization and x-api-key": ("x-api-key: x\r\n", None),
            "content-type": ("content-type: application/json\r\n", 400),
            "x-cordon-user": ("x-cordon-user: a\r\nx-cordon-user: b\r\n", 400),
            "host": ("host: other\r\n", 400),
        }
        for name, (line, status) in rows.items():
            with self.subTest(name), Wire(self.url) as wire:
                whole = request(CHAT, self.key, body)
                wire.send(whole.replace(b"\r\n\r\n", b"\r\n" + line.encode() + b"\r\n", 1))
                answer = wire.answer()
                self.assertNotEqual(answer.status, 200, answer.body)
                if status:
                    self.assertEqual(answer.status, status, answer.body)

    def test_no_good_credential(self):
        rows = [
            {"key": None}, {"key": ""}, {"key": "cordon_agent_x"}, {"key": self.key[:-1]}, {"key": self.key + "a"},
            {"key": self.key.upper()}, {"key": self.key.replace("agent", "admin")}, {"key": "sk-" + "a" * 40},
            {"key": None, "authorization": f"Basic {self.key}"}, {"key": None, "authorization": self.key},
            {"key": None, "authorization": "Bearer \xff\xfe"}, {"key": "a" * 8000},
            {"key": None, "cookie": f"key={self.key}"}, {"key": None, "api_key": self.key},
        ]
        for headers in rows:
            for path in (CHAT, MESSAGES, "/nowhere", "/v1/models"):
                method = "GET" if path == "/v1/models" else "POST"
                with self.subTest(headers, path=path):
                    answer = ask(self.url, path, body=chat("hi"), method=method, **headers)
                    self.assertIn(answer.status, (400, 401), answer.body)
        for headers in ({"key": self.gateway.admin_key()},):
            answer = ask(self.url, CHAT, body=chat("hi"), **headers)
            self.assertEqual((answer.status, answer.error["code"]), (403, "invalid_credential"))
        # Strangers leave no record each, which would fill a disk, but counts.
        eventually(lambda: any(r["record"].get("why") == "unauthenticated" for r in self.gateway.records()), "counts")


class Crowds(unittest.TestCase):
    """More connections than are taken."""

    def test_ten_thousand_idle_connections(self):
        most = 300
        with Gateway(config=lambda t: after_section(limited(t), "[limits]", f"connections = {most}"), manifest=unbudgeted) as gateway:
            crowd = []
            try:
                for _ in range(10_000):
                    crowd.append(Wire(gateway.anthropic_base_url))
            except OSError as error:
                self.assertGreater(len(crowd), most, error)
            under = json.loads(gateway.cordon("status"))["connections"]
            self.assertLessEqual(under, most)
            for wire in crowd:
                wire.socket.close()
            eventually(lambda: json.loads(gateway.cordon("status"))["connections"] == 0, "all places are free")
            self.assertEqual(ask(gateway.anthropic_base_url, CHAT, gateway.key(), chat("hi")).status, 200)
            self.assertLess(memory(gateway, "VmHWM"), 400 << 20)

    def test_more_requests_at_once_than_are_taken(self):
        with Gateway(config=lambda t: after_section(limited(t), "[limits]", "concurrent_requests = 4"), manifest=unbudgeted) as gateway:
            url, key = gateway.anthropic_base_url, gateway.key()
            held = [Wire(url) for _ in range(4)]
            try:
                for wire in held:
                    wire.send(request(CHAT, key, chat("gullible:fault=stall hello", stream=True)))
                    self.assertEqual(wire.head().status, 200)
                answer = ask(url, MESSAGES, key, message("hi"))
                self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"))
            finally:
                for wire in held:
                    wire.socket.close()
            eventually(lambda: ask(url, CHAT, key, chat("hi")).status == 200, "places are free again")


if __name__ == "__main__":
    unittest.main()
