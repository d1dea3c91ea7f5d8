"""HTTP as bytes: what no client library would send, and answers read without one.

What it does not do: repair anything. An answer that is not HTTP is an error of the test that reads it.
"""

import json
import socket
from urllib.parse import urlsplit

# How long an answer may take: generous, and no test waits for it unless something is broken.
PATIENCE = 30


class Closed(Exception):
    """The connection ended before a whole answer came; `seen` is what did come."""

    def __init__(self, seen=b""):
        super().__init__(f"closed after {len(seen)} bytes")
        self.seen = seen


class Answer:
    """One HTTP/1.1 answer."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            self.headers.setdefault(name.strip().lower(), value.strip())
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def request(self):
        """The request's id as records have it."""
        return self.headers["x-request-id"].removeprefix("req_")

    @property
    def error(self):
        """The error object; it must be in one of the dialects."""
        value = self.json
        assert set(value["error"]) >= {"message", "type"}, value
        return value["error"]


class Wire:
    """One connection."""

    def __init__(self, url, tls=None, patience=PATIENCE):
        parts = urlsplit(url)
        self.authority = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=patience)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=parts.hostname)
        self.held = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends; a server that has refused already may have closed, which is its right."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def done_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def more(self):
        """The next bytes; empty at the end."""
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def until(self, mark):
        while mark not in self.held:
            data = self.more()
            if not data:
                raise Closed(self.held)
            self.held += data
        found, self.held = self.held.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.held) < count:
            data = self.more()
            if not data:
                raise Closed(self.held)
            self.held += data
        found, self.held = self.held[:count], self.held[count:]
        return found

    def chunks(self):
        """The pieces of a chunked body, to its end."""
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            yield self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        self.until(b"\r\n")

    def head(self):
        return Answer(self.until(b"\r\n\r\n"), b"")

    def answer(self):
        """The next whole answer."""
        answer = self.head()
        if answer.headers.get("transfer-encoding", "").lower() == "chunked":
            answer.body = b"".join(self.chunks())
        elif "content-length" in answer.headers:
            answer.body = self.exactly(int(answer.headers["content-length"]))
        return answer

    def rest(self):
        """Everything until the other side closes."""
        while data := self.more():
            self.held += data
        return self.held

    def answers_until_closed(self):
        """All answers on this connection, until the other side closes it."""
        found = []
        while True:
            try:
                found.append(self.answer())
            except Closed as end:
                assert not end.seen, f"bytes that are no answer: {end.seen[:200]!r}"
                return found


def head(path, key=None, method="POST", host="gateway", **headers):
    """A request's head, its last line included. A header given as None is left out; names take `_` for `-`."""
    lines = {"host": host, "content-type": "application/json"}
    if key is not None:
        lines["authorization"] = f"Bearer {key}"
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode("latin-1")


def request(path, key=None, body=b"", **headers):
    """A whole request with its right length."""
    headers.setdefault("content_length", len(body))
    return head(path, key, **headers) + body


def ask(url, path, key=None, body=b"", tls=None, **headers):
    """One request on a connection of its own."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    with Wire(url, tls) as wire:
        wire.send(request(path, key, body, **headers))
        return wire.answer()


def chat(text, model="gullible", **more):
    """A chat request's body."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def message(text, model="gullible", **more):
    """A Messages request's body."""
    value = {"model": model, "max_tokens": 256, "messages": [{"role": "user", "content": text}], **more}
    return json.dumps(value).encode()


CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
