"""A gateway of one's own: data directory, config, keys, processes. Every test drives the built binary through this.

What always holds: nothing listens beyond loopback, every port is a free one, all files lie in a new directory, and
only processes started here are ended here, by their handle.
"""

import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VERIFIER = Path(__file__).with_name("verify_independently.py")
# How long a process may take to say that it is up, and to end: generous, since machines of CI are slow.
START_SECONDS = 60
STOP_SECONDS = 60

# Whatever a test forgot is ended with the run.
ALIVE = set()
atexit.register(lambda: [process.stop() for process in list(ALIVE)])


def binary():
    """The built `cordon`; an error that says what to do when it is not there."""
    path = Path(os.environ.get("CORDON_BIN") or ROOT / "target/debug/cordon")
    if not path.is_file():
        raise RuntimeError(f"{path} is not there: build it (cargo build --package cordon) or set CORDON_BIN")
    return str(path)


class Process:
    """A child that says on its first line of output, as JSON, where it listens."""

    def __init__(self, arguments, env=None, **popen):
        self.log = []
        ALIVE.add(self)
        self.child = subprocess.Popen(
            [binary(), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            **popen,
        )
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        first = [None]
        waiter = threading.Thread(target=lambda: first.__setitem__(0, self.child.stdout.readline()), daemon=True)
        waiter.start()
        waiter.join(START_SECONDS)
        if not first[0]:
            self.stop()
            raise RuntimeError(f"`cordon {' '.join(map(str, arguments))}` did not start:\n{self.stderr()}")
        self.said = json.loads(first[0])

    def _drain(self):
        for line in self.child.stderr:
            self.log.append(line)

    def stderr(self):
        """All that it has logged so far."""
        return "".join(self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, how=signal.SIGTERM):
        """Ends it and gives its exit code."""
        ALIVE.discard(self)
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise RuntimeError(f"it did not end within {STOP_SECONDS} s:\n{self.stderr()}") from None
        self._reader.join(5)
        self.child.stdout.close()
        self.child.stderr.close()
        return self.child.returncode


class Gullible(Process):
    """The credulous model as a server of its own: the upstream, and what `direct` means."""

    def __init__(self):
        super().__init__(["gullible", "--listen", "127.0.0.1:0"])
        self.base_url = self.said["base_url"]  # http://127.0.0.1:PORT
        self.openai_base_url = self.base_url + "/v1"
        self.anthropic_base_url = self.base_url


class Gateway:
    """One data directory and, once started, the gateway that serves from it.

    with Gateway() as gateway:            # the embedded default: the built-in model, the agent `dev`
    with Gateway(upstream=gullible):      # models that go over HTTP to that server, see UPSTREAM
    Gateway(start=False)                  # to edit config, manifests and policies first; then .start()

    `config` and `manifest` are functions from text to text; `agents` maps a name to a manifest's text. What the tool
    servers of the config declare is approved at each start, unless `approve` is false.
    """

    def __init__(
        self, upstream=None, config=None, manifest=None, agents=None, policies=None, start=True, approve=True
    ):
        self.approve = approve
        self.directory = Path(tempfile.mkdtemp(prefix="cordon-e2e-"))
        self.data_dir = self.directory / "data"
        self.process = None
        self.keys = {}
        try:
            self.cordon("init")
            if upstream is not None:
                self.write("cordon.toml", self.read("cordon.toml") + UPSTREAM.format(url=upstream.base_url))
            if config:
                self.write("cordon.toml", config(self.read("cordon.toml")))
            if manifest:
                self.write("agents/dev.toml", manifest(self.read("agents/dev.toml")))
            for name, text in (agents or {}).items():
                self.write(f"agents/{name}.toml", text)
            for name, text in (policies or {}).items():
                self.write(f"policies/{name}.cedar", text)
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    # ---- files

    @property
    def ledger(self):
        return self.data_dir / "ledger"

    @property
    def public_key_file(self):
        return self.data_dir / "keys/ledger.pub"

    def read(self, name):
        return (self.data_dir / name).read_text()

    def write(self, name, text):
        """Written whole, as an editor does."""
        path = self.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        beside.write_text(text)
        beside.replace(path)

    def every_persisted_byte(self):
        """Path and content of each file under the data directory but the keys' own."""
        for path in sorted(self.data_dir.rglob("*")):
            if path.is_file() and not path.is_socket() and path.parent.name not in ("first-keys", "keys"):
                yield path.relative_to(self.data_dir), path.read_bytes()

    # ---- the process

    def start(self, env=None, **popen):
        arguments = ["--data-dir", self.data_dir, "serve", "--json"]
        arguments += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        self.process = Process(arguments, env, **popen)
        said = self.process.said
        self.openai_base_url = said["openai_base_url"]
        self.anthropic_base_url = said["anthropic_base_url"]
        self.admin_url = said["admin_url"]
        self.control_socket = said["control_socket"]
        if self.approve and "[[servers]]" in self.read("cordon.toml"):
            self.cordon("mcp", "approve", "--all", "--yes", "--by", "the tests")
        return self

    def stop(self, how=signal.SIGTERM):
        """Ends the process, keeps the files; gives the exit code."""
        process, self.process = self.process, None
        return process.stop(how) if process else None

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        return self.start()

    def stderr(self):
        return self.process.stderr() if self.process else ""

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def close_verified(self):
        """Ends it; what it recorded must verify, with an independent implementation too where there is one."""
        try:
            self.stop()
            self.cordon("audit", "verify")
            if theirs := os.environ.get("CORDON_TLOG_PYTHON"):
                command = [theirs, VERIFIER, self.ledger, self.public_key_file]
                subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, timeout=300, check=True)
        finally:
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- the command line and the admin address

    def run(self, *arguments, input=None):
        """`cordon ...` on this data directory: the finished process, whatever its exit code."""
        command = [binary(), "--data-dir", str(self.data_dir), *map(str, arguments)]
        return subprocess.run(command, input=input, capture_output=True, text=True, timeout=120, check=False)

    def cordon(self, *arguments, input=None):
        """`cordon ...` on this data directory: its output; an error unless it succeeds."""
        done = self.run(*arguments, input=input)
        if done.returncode != 0:
            said = f"{done.stdout}{done.stderr}"
            raise RuntimeError(f"`cordon {' '.join(map(str, arguments))}` ended with {done.returncode}:\n{said}")
        return done.stdout

    def key(self, agent="dev"):
        """A key of that agent: the first start's for `dev`, a new one for others (once each)."""
        if agent not in self.keys:
            first = self.data_dir / f"first-keys/agent-{agent}.key"
            self.keys[agent] = first.read_text().strip() if first.exists() else self.new_key(agent)["text"]
        return self.keys[agent]

    def admin_key(self):
        return self.read("first-keys/admin.key").strip()

    def new_key(self, agent=None, kind="agent", *more):
        """{"key": {"id", ...}, "text"}"""
        names = ["--agent", agent] if agent else []
        return json.loads(self.cordon("key", "create", "--kind", kind, *names, "--json", *more))

    def records(self):
        """All records, oldest first, as `cordon audit show` gives them."""
        return [json.loads(line) for line in self.cordon("audit", "show").splitlines() if line.strip()]

    def admin(self, path):
        """Status and text of a GET on the admin address."""
        try:
            with urllib.request.urlopen(self.admin_url + path, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


def eventually(check, what, seconds=30):
    """Waits for a state that another process reaches in its own time, and gives what `check` gave."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(ConnectionError):
            if found := check():
                return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


# What `upstream=` adds to the embedded config, whose agent may use all models that begin with `gullible`.
OPENAI_MODEL = "gullible-http"
ANTHROPIC_MODEL = "gullible-claude"
UPSTREAM = f"""
[[upstreams]]
id = "http-openai"
kind = "openai-compatible"
base_url = "{{url}}/v1"
allow_private = true

[[upstreams]]
id = "http-anthropic"
kind = "anthropic"
base_url = "{{url}}"
allow_private = true

[[models]]
name = "{OPENAI_MODEL}"
upstream = "http-openai"

[[models]]
name = "{ANTHROPIC_MODEL}"
upstream = "http-anthropic"
"""


def after_section(text, section, addition):
    """Puts lines right behind the head of a TOML section (`[limits]`), or a new section at the end."""
    head = re.compile(rf"^{re.escape(section)}\s*$", re.MULTILINE)
    if head.search(text):
        return head.sub(lambda found: f"{found.group(0)}\n{addition}", text, count=1)
    return f"{text}\n{section}\n{addition}\n"
