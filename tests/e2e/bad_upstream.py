"""Upstreams that do what they should not. The caller gets an error in its dialect, or a stream that ends with one; the
record says how it ended; nothing that was not judged is passed on, and a caller beside notices nothing.
"""

import gzip
import json
import socket
import struct
import time
import unittest

from bad_input import Abused, limited
from gateway import eventually
from hostile import Hostile, answer, completion, delta, event, stream
from rawhttp import CHAT, MESSAGES, Closed, Wire, ask, chat, message, request

# Stands in what upstreams say and must not be passed on.
MARK = "zq-mark-7f3a-in-an-upstreams-words"
SECRET = "sk-proj-Ub7wQ2xKfE9dLrVn4HsTT3BlbkFJpZ6mYc1GhJ8aXoRk5iWe"


def stall(*pieces):
    """Sends these, then nothing."""

    def behave(connection, _):
        for piece in pieces:
            connection.sendall(piece)
        time.sleep(30)

    return behave


def reset(*pieces):
    """Sends these, then resets the connection."""

    def behave(connection, _):
        for piece in pieces:
            connection.sendall(piece)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def endless(first, piece, most=1 << 30):
    """Sends as long as anybody reads."""

    def behave(connection, _):
        connection.sendall(first)
        sent = 0
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)

    return behave


def broken_answer(**changes):
    """A completion with one thing changed."""
    return answer({**completion(MARK), **changes})


def twice(key, value):
    """A completion with a key twice."""
    return answer(json.dumps(completion(MARK)).replace("{", "{" + json.dumps(key) + ":" + json.dumps(value) + ",", 1).encode())


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
GOOD = json.dumps(completion(MARK)).encode()

# What happens before an answer is whole: model's name -> behaviour. The caller gets 502 to 504.
WHOLE = {
    "stall-head": stall(),
    "stall-in-head": stall(b"HTTP/1.1 200 OK\r\ncontent-type: appl"),
    "stall-body": stall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n", GOOD[:50]),
    "reset-head": reset(),
    "reset-body": reset(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n", GOOD[:50]),
    "short": answer(GOOD, content_length=len(GOOD) + 10, connection="close"),
    "long": answer(GOOD, content_length=len(GOOD) - 10, connection="close"),
    "two-lengths": answer(GOOD, content_length=f"{len(GOOD)}\r\ncontent-length: 3", connection="close"),
    "no-http": b"220 mail.example ESMTP\r\n",
    "no-http-2": b"\0\1\2\3" * 100,
    "bad-status": answer(GOOD, status="20x OK"),
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "redirect": answer(b"", status="307 Temporary Redirect", location="http://127.0.0.1:1/" + MARK),
    "redirect-302": answer(GOOD, status="302 Found", location="http://169.254.169.254/latest/meta-data"),
    "gzip": answer(gzip.compress(GOOD), content_encoding="gzip"),
    "gzip-said": answer(GOOD, content_encoding="gzip"),
    "html": answer(b"<html>" + MARK.encode(), kind="text/html"),
    "events": answer(event(delta(MARK)), kind="text/event-stream"),
    "empty": answer(b""),
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not-json": answer(b"{" + MARK.encode()),
    "null": answer(b"null"),
    "list": answer([completion(MARK)]),
    "two-values": answer(GOOD + GOOD),
    "not-utf8": answer(GOOD.replace(b"zq-mark", b"\xff\xfe")),
    "deep": answer(b"[" * 5000 + b"]" * 5000),
    "twice": twice("choices", []),
    "twice-escaped": answer(GOOD.replace(b'"choices"', b'"\\u0063hoices":[],"choices"', 1)),
    "case": answer(GOOD.replace(b'"choices"', b'"Choices":[],"choices"', 1)),
    "no-choices": answer({"id": "x", "object": "chat.completion", "created": 1, "model": MARK}),
    "wrong-type": broken_answer(choices=MARK),
    "unknown-role": answer(GOOD.replace(b'"assistant"', b'"root"')),
    "unlisted-call-type": broken_answer(choices=[{
        "index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "remote", "remote": {"name": MARK}}]}}]),
    "huge": endless(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n", b"x" * 65536),
    "huge-chunked": endless(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "huge-head": endless(b"HTTP/1.1 200 OK\r\n", b"x-a: " + b"b" * 4000 + b"\r\n"),
    "endless-informational": endless(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 500),
}

# Odd, and still judged: no content type; a call whose arguments are no JSON, which becomes a text that says so.
JUDGED = {
    "no-type": (b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(GOOD) + GOOD, MARK),
    "bad-call": (broken_answer(choices=[{
        "index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{" + MARK}}]}}]),
        "[Cordon refused this tool call"),
}

# Answers that say no: name -> (behaviour, status to the caller).
SAID_NO = {
    "no-400": (answer({"error": {"message": f"bad {SECRET}", "type": "invalid_request_error"}}, status="400 Bad Request"), 400),
    "no-401": (answer({"error": {"message": f"Incorrect API key provided: {SECRET}"}}, status="401 Unauthorized"), 502),
    "no-403": (answer({"error": {"message": SECRET}}, status="403 Forbidden"), None),
    "no-404": (answer({"error": {"message": SECRET}}, status="404 Not Found"), None),
    "no-429": (answer({"error": {"message": SECRET}}, status="429 Too Many Requests", retry_after="7"), 429),
    "no-429-forever": (answer({}, status="429 Too Many Requests", retry_after="99999999999"), 429),
    "no-500": (answer(b"Traceback: " + SECRET.encode(), status="500 Oh", kind="text/plain"), None),
    "no-503-huge": (endless(b"HTTP/1.1 503 No\r\ncontent-type: text/html\r\n\r\n", SECRET.encode() * 1000), None),
    "no-529": (answer({"type": "error", "error": {"type": "overloaded_error", "message": SECRET}}, status="529 X"), None),
    "no-418-nonsense": (answer(b"\xff\xfe" + SECRET.encode(), status="418 Teapot"), None),
    "no-999": (answer({"error": {"message": SECRET}}, status="999 X"), None),
}

# Streams that go wrong after they began: the caller's stream has no terminal event, or it ends with an error.
STREAMS = {
    "s-stall": stall(STREAM, b"%x\r\n" % len(event(delta("a"))) + event(delta("a")) + b"\r\n"),
    "s-stall-empty": stall(STREAM),
    "s-reset": reset(STREAM, b"%x\r\n" % len(event(delta("a"))) + event(delta("a")) + b"\r\n"),
    "s-cut": stream(event(delta("a")), end=False),
    "s-cut-event": stream(event(delta("a")), b'data: {"id":', end=False),
    "s-not-json": stream(event(delta("a")), event(b"{" + MARK.encode())),
    "s-two-values": stream(event(json.dumps(delta("a")).encode() + b"{}")),
    "s-twice": stream(event(json.dumps(delta("a")).replace("{", '{"choices":[],', 1).encode())),
    "s-not-utf8": stream(b"data: \xff\xfe\n\n"),
    "s-no-choices": stream(event({"id": MARK})),
    "s-list": stream(event([delta(MARK)])),
    "s-huge-event": endless(STREAM.replace(b"transfer-encoding: chunked\r\n", b""), b"data: " + b"x" * 65536),
    "s-huge-line": endless(STREAM.replace(b"transfer-encoding: chunked\r\n", b""), b"y" * 65536),
    "s-huge-comment": endless(STREAM.replace(b"transfer-encoding: chunked\r\n", b""), b": " + b"z" * 65536),
    "s-error": stream(event(delta("a")), event({"error": {"message": SECRET, "type": "server_error"}}), end=False),
    "s-error-event": stream(event(delta("a")), b"event: error\n" + event({"type": "error", "error": {"message": SECRET}}), end=False),
    "s-endless": endless(STREAM.replace(b"transfer-encoding: chunked\r\n", b""), event(delta("word ")) * 50),
    "s-endless-empty": endless(STREAM.replace(b"transfer-encoding: chunked\r\n", b""), b"\n" * 5000),
    "s-short": STREAM + b"ffff\r\n" + event(delta("a")),
    "s-json": answer(GOOD, connection="close"),
    "s-gzip": answer(gzip.compress(event(delta("a"))), kind="text/event-stream", content_encoding="gzip"),
}
# Streams that are odd and good.
ODD = {
    "o-crlf": stream(event(delta("odd")).replace(b"\n", b"\r\n")),
    "o-cr": stream(event(delta("odd")).replace(b"\n", b"\r")),
    "o-no-space": stream(event(delta("odd")).replace(b"data: ", b"data:")),
    "o-blank-lines": stream(b"\n\n", event(delta("odd")), b"\n\n\n"),
    "o-behind-the-end": stream(event(delta("odd")), event(delta(None, "stop")), event(b"[DONE]"), event(delta(MARK)), end=False),
}


class Upstream(Abused):
    """One gateway before one upstream that has many ways."""

    @classmethod
    def setUpClass(cls):
        cls.hostile = Hostile()
        for table in (WHOLE, STREAMS, ODD):
            for name, behaviour in table.items():
                cls.hostile.add(name, behaviour)
        for name, (behaviour, _) in (SAID_NO | JUDGED).items():
            cls.hostile.add(name, behaviour)
        cls.hostile.add("fine", answer(completion("all is fine")))
        cls.addClassCleanup(cls.hostile.close)
        super().setUpClass()

    @classmethod
    def config(cls, text):
        return limited(text) + cls.hostile.config()

    def clean(self, answer):
        self.assertNotIn(MARK.encode(), answer.body)
        self.assertNotIn(SECRET.encode(), answer.body)
        self.assertNotIn(b"127.0.0.1", answer.body)

    def ended(self, found, dialect):
        """A refusal from 502 to 504, in the dialect."""
        self.assertIn(found.status, (502, 503, 504), found.body)
        self.refused(found, found.status, None, dialect)
        self.clean(found)
        return found.request, None

    def test_the_road_is_good(self):
        found = ask(self.url, CHAT, self.key, chat("hi", "gullible-fine"))
        self.assertEqual((found.status, b"all is fine" in found.body), (200, True), found.body)

    def test_whole_answers(self):
        expected = []
        for name in WHOLE:
            with self.subTest(name):
                expected.append(self.ended(ask(self.url, CHAT, self.key, chat("hi", f"gullible-{name}")), "openai"))
        self.outcomes(expected)

    def test_whole_answers_in_the_other_dialect(self):
        expected = []
        for name in ("stall-head", "reset-body", "short", "redirect", "gzip", "html", "not-json", "twice", "huge", "empty"):
            with self.subTest(name):
                expected.append(self.ended(ask(self.url, MESSAGES, self.key, message("hi", f"gullible-a-{name}")), "anthropic"))
        self.outcomes(expected)

    def outcomes(self, expected):
        """Each has an intent and an outcome, and none that says complete."""
        self.recorded(*expected)

        def ends():
            records = [line["record"] for line in self.gateway.records()]
            found = {r["rq"]: r["end"] for r in records if r["t"] == "outcome"}
            return found if all(rq in found for rq, _ in expected) else None

        found = eventually(ends, "all outcomes")
        for rq, _ in expected:
            self.assertIn(found[rq], ("upstream_broke", "blocked", "cut", "failed"), rq)

    def test_odd_answers(self):
        for name, (_, text) in JUDGED.items():
            with self.subTest(name):
                found = ask(self.url, CHAT, self.key, chat("hi", f"gullible-{name}"))
                self.assertEqual((found.status, found.json["choices"][0]["finish_reason"]), (200, "stop"), found.body)
                self.assertIn(text, found.json["choices"][0]["message"]["content"])

    def test_unknown_fields_in_an_answer(self):
        self.hostile.add("fine", answer({**completion("all is fine"), "tomorrow": {"a": [1]}}))
        try:
            found = ask(self.url, CHAT, self.key, chat("hi", "gullible-fine"))
            # Passed on as metadata or refused; never half of it.
            self.assertIn(found.status, (200, 502))
            self.assertTrue(found.json)
        finally:
            self.hostile.add("fine", answer(completion("all is fine")))

    def test_errors(self):
        expected = []
        for name, (_, status) in SAID_NO.items():
            for path, model, body in ((CHAT, "gullible-", chat), (MESSAGES, "gullible-a-", message)):
                with self.subTest(name, path=path):
                    found = ask(self.url, path, self.key, body("hi", model + name))
                    self.assertGreaterEqual(found.status, 400)
                    self.assertLess(found.status, 600)
                    if status:
                        self.assertEqual(found.status, status, found.body)
                    self.refused(found, found.status, None, "openai" if path == CHAT else "anthropic")
                    self.clean(found)
                    expected.append((found.request, None))
                    if name == "no-429":
                        self.assertEqual(found.headers["retry-after"], "7")
                    if name == "no-429-forever":
                        self.assertLess(int(found.headers.get("retry-after", "0")), 86_401)
        self.outcomes(expected)

    def test_streams(self):
        expected = []
        for name in STREAMS:
            with self.subTest(name), Wire(self.url) as wire:
                wire.send(request(CHAT, self.key, chat("hi", f"gullible-{name}", stream=True)))
                head = wire.head()
                body = b""
                try:
                    if "content-length" in head.headers:
                        body = wire.exactly(int(head.headers["content-length"]))
                    else:
                        body = b"".join(wire.chunks())
                except Closed:
                    pass
                self.assertNotIn(b"[DONE]", body, "a broken stream was passed on as a whole one")
                self.assertNotIn(MARK.encode(), body)
                self.assertNotIn(SECRET.encode(), body)
                self.assertLess(len(body), 3 << 20)
                if head.status == 200:
                    # The official client raises on an event that has an `error`.
                    self.assertIn("error", json.loads(body.rstrip().rsplit(b"data: ", 1)[1]))
                else:
                    self.assertIn(head.status, (502, 503, 504))
                expected.append((head.request, None))
        self.outcomes(expected)

    def test_odd_streams(self):
        for name in ODD:
            with self.subTest(name), Wire(self.url) as wire:
                wire.send(request(CHAT, self.key, chat("hi", f"gullible-{name}", stream=True)))
                self.assertEqual(wire.head().status, 200)
                body = b"".join(wire.chunks())
                self.assertEqual((b"odd" in body, body.count(b"[DONE]"), MARK.encode() in body), (True, 1, False), body)

    def test_what_goes_upstream_is_the_gateways(self):
        """No header of the caller's but those that the dialect needs; no credential of the caller's at all."""
        self.hostile.seen.clear()
        headers = {
            "x_secret_thing": MARK, "cookie": MARK, "x_cordon_front_key": MARK, "x_forwarded_for": MARK,
            "openai_organization": MARK, "user_agent": MARK, "accept": MARK, "origin": MARK, "te": "trailers",
            "accept_encoding": "gzip", "connection": "keep-alive, x-secret-thing",
        }
        self.assertEqual(ask(self.url, CHAT, self.key, chat("hi", "gullible-fine"), **headers).status, 200)
        (head, _), = self.hostile.seen
        self.assertNotIn(MARK.encode(), head)
        self.assertNotIn(self.key.encode(), head)
        self.assertTrue(head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n"), head)
        self.assertEqual(head.lower().count(b"\r\nhost:"), 1)


if __name__ == "__main__":
    unittest.main()
