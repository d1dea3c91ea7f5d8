"""The careful person: allows exactly the calls that the user's task needs, and denies everything else.

What always holds: she sees what Cordon shows her, the tool and its arguments; she allows a call when both equal a
ground-truth call of the user's task, whoever made the agent ask. Each held call that she is shown is one question.
What she deliberately does not do: know about the attack, or look at anything but the call.
"""

import json


class Person:
    """Decides over the admin API what is held."""

    def __init__(self, http, admin_url, admin_key):
        self._http = http
        self._url = f"{admin_url}/cordon/v1/approvals"
        self._headers = {"authorization": f"Bearer {admin_key}"}
        self._wanted = set()
        self.questions = 0

    def begin(self, calls):
        """A new task: what the user wants done, as pairs of a tool's name and its arguments."""
        self._wanted = {key(tool, arguments) for tool, arguments in calls}
        self.questions = 0

    async def look(self):
        """Decides everything that waits; gives whether anything was allowed."""
        answer = await self._http.get(self._url, headers=self._headers)
        answer.raise_for_status()
        allowed = False
        for held in answer.json()["approvals"]:
            self.questions += 1
            good = key(held["tool"], held["arguments_json"]) in self._wanted
            verdict = "allow" if good else "deny"
            said = {"by": "careful.person"} if good else {"by": "careful.person", "reason": "unexpected"}
            done = await self._http.post(f"{self._url}/{held['id']}/{verdict}", headers=self._headers, json=said)
            done.raise_for_status()
            allowed = allowed or good
        return allowed


def key(tool, arguments):
    """A call as one comparable text. Endpoints of one server show a tool without its server's name."""
    return json.dumps([tool.rsplit("__", 1)[-1], arguments], sort_keys=True)
