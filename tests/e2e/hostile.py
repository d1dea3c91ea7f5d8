"""An upstream that does wrong, on loopback. The model's name says what it does; see `Hostile.add`.

Each behaviour is a function of the connection and the request's body; it writes what it likes.
"""

import contextlib
import json
import socket
import threading


class Hostile:
    """Serves until closed; `seen` holds (head, body) of each request that reached it."""

    def __init__(self):
        self.behaviours = {}
        self.seen = []
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.base_url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def add(self, name, behaviour):
        """Models of this name get this behaviour: bytes to send, or a function of (socket, body)."""
        self.behaviours[name] = behaviour

    def config(self):
        """The TOML that routes a model to each behaviour, in both dialects: `gullible-NAME` and `gullible-a-NAME`."""
        text = ""
        for dialect, kind, path in (("", "openai-compatible", "/v1"), ("a-", "anthropic", "")):
            text += f'\n[[upstreams]]\nid = "hostile-{dialect}up"\nkind = "{kind}"\nallow_private = true\n'
            text += f'base_url = "{self.base_url}{path}"\nretries = 0\n'
            for name in self.behaviours:
                text += f'\n[[models]]\nname = "gullible-{dialect}{name}"\nupstream = "hostile-{dialect}up"\n'
                text += f'upstream_name = "{name}"\n'
        return text

    def close(self):
        self.over.set()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        # A gateway that hangs up in the middle is what many of these tests are about.
        with contextlib.suppress(OSError, ValueError), connection:
            connection.settimeout(60)
            while True:
                data = b""
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, body = data.split(b"\r\n\r\n", 1)
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                while len(body) < length:
                    body += connection.recv(65536)
                self.seen.append((head, body))
                behaviour = self.behaviours[json.loads(body)["model"]]
                if callable(behaviour):
                    behaviour(connection, body)
                    return
                connection.sendall(behaviour)
                if b"connection: close" in behaviour.lower():
                    return


def answer(body, status="200 OK", kind="application/json", **headers):
    """A whole answer."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers.setdefault("content_length", len(body))
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items() if value is not None)
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{lines}\r\n".encode() + body


def completion(text="fine", **more):
    """A chat completion as a provider gives it."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, **more,
    }


def event(value):
    """One event of a stream."""
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def delta(text, finish=None):
    """One chunk of a chat completion's stream."""
    choice = {"index": 0, "delta": {"content": text} if text is not None else {}, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def stream(*pieces, end=True):
    """A stream, whose end is the connection's."""
    ending = (event(delta(None, "stop")), event(b"[DONE]")) if end else ()
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + b"".join(
        (*pieces, *ending)
    )
