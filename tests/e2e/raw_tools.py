"""Tool servers that do wrong, as bytes: over HTTP, over the older transport, and as a program; and a client that hears all.

A tool's name says what its server does when it is called.
"""

import json
import sys
import urllib.error
import urllib.request

from raw_api import Api, reply

# Longer than any limit of these tests.
FOREVER = 10**6


def message(value):
    return json.dumps(value).encode()


def said(request_id, text="fine", **more):
    """The result of a call."""
    return {"jsonrpc": "2.0", "id": request_id, "result": {"content": [{"type": "text", "text": text}], **more}}


class Tools(Api):
    """A server with these tools: each a function of the call's message that gives bytes or a function of the connection.
    `hello` adds to what it says of itself, `listed` replaces its tools' definitions."""

    def __init__(self, tools, hello=None, listed=None):
        self.tools, self.calls, self.hello = tools, [], hello or {}
        self.listed = listed or [{"name": name, "inputSchema": {"type": "object"}} for name in tools]
        super().__init__(self._answer)

    def _answer(self, request):
        if request.method != "POST":
            return reply(b"", "405 Method Not Allowed", None)
        asked = json.loads(request.body)
        method, number = asked.get("method"), asked.get("id")
        if method == "initialize":
            return reply({"jsonrpc": "2.0", "id": number, "result": {
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "raw", "version": "1"}, **self.hello}})
        if number is None:
            return reply(b"", "202 Accepted", None)
        if method == "tools/list":
            return reply({"jsonrpc": "2.0", "id": number, "result": {"tools": self.listed}})
        if method != "tools/call":
            return reply({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no such method"}})
        self.calls.append(asked["params"])
        return self.tools[asked["params"]["name"]](number)

    def config(self, name, more=""):
        return f'\n[[servers]]\nid = "{name}"\nurl = "{self.url}/mcp"\n{more}\n'


class Heard:
    """What a client got: status, headers, and the last message of the answer, if there was one."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {k.lower(): v for k, v in headers.items()}
        data = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
        text = data[-1] if data else body
        try:
            self.message = json.loads(text)
        except ValueError:
            self.message = None

    @property
    def request(self):
        """The request's id as records have it."""
        return self.headers["x-request-id"].removeprefix("req_")

    @property
    def refused(self):
        """Why: an error's code of the gateway's, or the reason of a notice; None when the call was answered."""
        if "error" in self.message:
            return (self.message["error"].get("data") or {}).get("code") or str(self.message["error"]["code"])
        return self.message["result"].get("_meta", {}).get("cordon/refused")

    @property
    def text(self):
        return self.message["result"]["content"][0]["text"]


def post(gateway, path, body, agent="tester", headers=None):
    """Sends bytes or a value to the gateway for tools."""
    data = body if isinstance(body, bytes) else message(body)
    request = urllib.request.Request(gateway.anthropic_base_url + path, data, method="POST")
    request.add_header("Authorization", f"Bearer {gateway.key(agent)}")
    request.add_header("Content-Type", "application/json")
    request.add_header("Accept", "application/json, text/event-stream")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return Heard(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as refused:
        return Heard(refused.code, dict(refused.headers), refused.read())


def envelope(method, **params):
    """A message of the newest revision, with the headers that go with it."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    return body, headers


def ask(gateway, server, method, agent="tester", **params):
    body, headers = envelope(method, **params)
    return post(gateway, f"/mcp/{server}", body, agent, headers)


def call(gateway, server, tool, arguments=None, agent="tester"):
    return ask(gateway, server, "tools/call", agent, name=tool, arguments=arguments or {})


# A program that speaks the protocol and does what the called tool's name says.
PROGRAM = r'''
import json, os, signal, subprocess, sys, time

def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

def result(number, text):
    say(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": [{"type": "text", "text": text}]}}))

def look(number):
    """What it finds around itself."""
    def opened(path):
        try:
            with open(path, "rb") as file:
                return len(file.read())
        except OSError as e:
            return type(e).__name__
    fds = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            fds[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            pass
    parent = os.getppid()
    result(number, json.dumps({
        "env": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv, "fds": fds, "pid": os.getpid(), "uid": os.getuid(),
        "group": os.getpgid(0) == os.getpid(), "environ": opened(f"/proc/{parent}/environ"),
        "memory": opened(f"/proc/{parent}/maps"), "here": os.listdir(".")[:50],
    }))

def forever(number):
    while True:
        time.sleep(1)

def line(number):
    while True:
        sys.stdout.write("x" * 65536)

def garbage(number):
    for _ in range(20000):
        sys.stdout.write("this is no message\n")
    result(number, "fine")

def notices(number):
    for i in range(100000):
        sys.stdout.write('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n')
    result(number, "fine")

def deep(number):
    say('{"jsonrpc":"2.0","id":%d,"result":%s}' % (number, '{"a":' * 5000 + "1" + "}" * 5000))

def large(number):
    result(number, "x" * (1 << 20))

def ends(number):
    os._exit(0)

def stays(number):
    """Does not want to end, and has a child that does not either."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    result(number, json.dumps([os.getpid(), child.pid]))
    # Its input is not read any more: that it closes says nothing to it.
    while True:
        time.sleep(1)

TOOLS = {f.__name__: f for f in (look, forever, line, garbage, notices, deep, large, ends, stays)}

for text in sys.stdin:
    asked = json.loads(text)
    method, number = asked.get("method"), asked.get("id")
    if method == "initialize":
        hello = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "p", "version": "1"}}
        say(json.dumps({"jsonrpc": "2.0", "id": number, "result": hello}))
    elif number is None:
        continue
    elif method == "tools/list":
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
        say(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"tools": tools}}))
    elif method == "tools/call":
        TOOLS[asked["params"]["name"]](number)
    else:
        say(json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no such method"}}))
'''


def program(name, file, more="", python=sys.executable):
    """The configuration of that program, written to `file`."""
    file.write_text(PROGRAM)
    file.chmod(0o644)
    words = json.dumps([python, str(file)])
    return f'\n[[servers]]\nid = "{name}"\ncommand = {words}\n{more}\n'
