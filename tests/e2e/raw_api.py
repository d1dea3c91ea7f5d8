"""An HTTP server on loopback that keeps every request as it came and answers with bytes: for tools over HTTP.

What it does not do: repair, normalise or hide anything. What was sent is what `seen` has.
"""

import contextlib
import json
import socket
import threading


class Request:
    """One request: method, target as written, headers in order (names in lower case), body."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = [(n.lower(), v.strip()) for n, v in (line.split(":", 1) for line in lines[1:])]
        self.head, self.body = head, body

    def header(self, name):
        """All values of that name, joined; none when it is not there."""
        found = [v for n, v in self.headers if n == name]
        return " | ".join(found) if found else None


class Api:
    """Serves until closed. `answer(request)` gives the bytes of an answer, or a function of the connection."""

    def __init__(self, answer):
        self.answer = answer
        self.seen = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.listener.close()

    def take(self):
        """What came since the last time."""
        seen, self.seen = self.seen, []
        return seen

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        # A gateway that hangs up in the middle is what some tests are about.
        with contextlib.suppress(OSError, ValueError), connection:
            connection.settimeout(60)
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, data = data.split(b"\r\n\r\n", 1)
                request = Request(head, b"")
                length = int(request.header("content-length") or 0)
                while len(data) < length:
                    data += connection.recv(65536)
                request.body, data = data[:length], data[length:]
                self.seen.append(request)
                answer = self.answer(request)
                if callable(answer):
                    answer(connection)
                    return
                connection.sendall(answer)


def reply(body=b"", status="200 OK", kind="application/json", *lines):
    """A whole answer; `lines` are further header lines."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *lines]
    if kind:
        head.append(f"content-type: {kind}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
