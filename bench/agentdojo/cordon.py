"""Cordon in front of one suite's server: a data directory of its own, keys, the session of each task.

What always holds: the manifest is the committed one, the same for every task; with `off`, one line more says that the
flow of information is not judged. The agent has its own key alone; opening a session is the front end's, deciding what
is held the admin's. What it deliberately does not do: look into the gateway.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
os.environ.setdefault("CORDON_BIN", str(ROOT / "target/release/cordon"))

from gateway import Gateway  # noqa: E402

SERVER = """
[[servers]]
id = "{id}"
url = "{url}"
"""


class Cordon:
    """A running gateway with one agent and one tool server."""

    def __init__(self, suite_name, server_url, off=False, carries=True):
        self._suite_name = suite_name
        agent = f"{suite_name}-assistant"
        manifest = (HERE / f"manifests/{suite_name}.toml").read_text()
        if off:
            manifest = f'flow = "off"\n{manifest}'
        server = SERVER.format(id=suite_name, url=server_url) if carries else ""
        self._gateway = Gateway(config=lambda text: text + server, agents={agent: manifest}, start=False, approve=False)
        try:
            keys = {kind: self._gateway.new_key(agent, kind)["text"] for kind in ("agent", "front")}
            self._gateway.start()
            self.admin_url, self.admin_key = self._gateway.admin_url, self._gateway.admin_key()
            base = self._gateway.openai_base_url.removesuffix("/v1")
            self.mcp_url = f"{base}/mcp/{suite_name}"
            self.agent_headers = {"authorization": f"Bearer {keys['agent']}"}
            self._api = f"{base}/cordon/v1"
            self._front_headers = {"authorization": f"Bearer {keys['front']}"}
        except BaseException:
            self._gateway.close()
            raise

    async def approve(self):
        """Approves what the suite declares. In another thread: the server that is asked runs in this one."""
        await asyncio.to_thread(self._gateway.cordon, "mcp", "approve", "--all", "--yes", "--by", "the bench")

    async def session(self, http, words):
        """Opens a session with the user's words; gives the headers that the agent sends in it."""
        answer = await http.post(f"{self._api}/sessions", headers=self._front_headers, json={"text": words})
        answer.raise_for_status()
        return {"x-cordon-session": answer.json()["session"]}

    async def authorize(self, http, headers, tool, arguments):
        """Asks whether a call of a tool that runs elsewhere may be made."""
        body = {"tool": f"{self._suite_name}__{tool}", "arguments": arguments}
        answer = await http.post(f"{self._api}/authorize", headers=headers, json=body)
        answer.raise_for_status()
        return answer.json()["decisions"][0]

    async def report(self, http, headers, call, tool, result):
        """Says what came back."""
        body = {"call": call, "tool": f"{self._suite_name}__{tool}", "result": result}
        answer = await http.post(f"{self._api}/report", headers=headers, json=body)
        answer.raise_for_status()

    @classmethod
    @contextlib.contextmanager
    def started(cls, *arguments, **options):
        """One for as long as the block lasts."""
        cordon = cls(*arguments, **options)
        try:
            yield cordon
        finally:
            cordon._gateway.close()
