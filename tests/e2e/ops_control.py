"""What an operator does while traffic runs: keys, kill switches, reload, budgets, users on whose behalf agents act."""

import json
import re
import time
import unittest

from bad_input import unbudgeted
from gateway import Gateway, eventually
from rawhttp import CHAT, MESSAGES, Closed, Wire, ask, chat, message, request

# The promise is a second. What a stall would last is a minute: the bound lies between, for slow machines.
AT_ONCE = 10
WEATHER = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


class Idle:
    """A stream that has begun, and on which nothing comes."""

    def __init__(self, gateway, key=None, path=CHAT, model="gullible", **headers):
        self.wire = Wire(gateway.anthropic_base_url)
        body = (message if path == MESSAGES else chat)("gullible:fault=stall hello", model, stream=True)
        self.wire.send(request(path, key or gateway.key(), body, **headers))
        head = self.wire.head()
        assert head.status == 200, head.status
        self.request = head.request

    def end(self):
        """Everything until it is closed, and how long that took."""
        began = time.monotonic()
        body = b""
        try:
            for piece in self.wire.chunks():
                body += piece
        except Closed:
            pass
        self.wire.socket.close()
        return body, time.monotonic() - began


class Running(unittest.TestCase):
    """A gateway for each test."""

    config = staticmethod(lambda text: text)
    manifest = staticmethod(unbudgeted)
    agents = {}

    def setUp(self):
        self.gateway = Gateway(config=self.config, manifest=self.manifest, agents=self.agents)
        self.addCleanup(self.gateway.close)

    @property
    def url(self):
        return self.gateway.anthropic_base_url

    def status(self, key=None, body=None, path=CHAT, **headers):
        return ask(self.url, path, key or self.gateway.key(), body or chat("hi"), **headers).status

    def ended(self, rq):
        """How the record says that this request ended."""
        found = lambda: [r["record"]["end"] for r in self.gateway.records() if r["record"].get("rq") == rq and "end" in r["record"]]
        return eventually(found, "its outcome")[0]

    def controls(self):
        return [r["record"] for r in self.gateway.records() if r["record"]["t"] == "control"]


class Keys(Running):
    """Keys with the gateway running, stopped, and over a restart."""

    def test_created_rotated_revoked_while_running(self):
        made = self.gateway.new_key("dev", "agent", "--label", "for the test")
        self.assertRegex(made["text"], r"^cordon_agent_\w+$")
        self.assertEqual(self.status(made["text"]), 200)
        listed = json.loads(self.gateway.cordon("key", "list", "--json"))["keys"]
        mine = next(k for k in listed if k["id"] == made["key"]["id"])
        self.assertEqual((mine["kind"], mine["agent"], mine["label"], mine["live"]), ("agent", "dev", "for the test", True))
        self.assertNotIn(made["text"], json.dumps(listed))
        rotated = json.loads(self.gateway.cordon("key", "rotate", made["key"]["id"], "--json"))
        self.assertEqual(rotated["key"]["replaces"], made["key"]["id"])
        self.assertEqual((self.status(made["text"]), self.status(rotated["text"])), (200, 200))
        self.gateway.cordon("key", "revoke", made["key"]["id"])
        self.assertEqual((self.status(made["text"]), self.status(rotated["text"])), (401, 200))
        at_once = json.loads(self.gateway.cordon("key", "rotate", rotated["key"]["id"], "--grace", "0", "--json"))
        eventually(lambda: self.status(rotated["text"]) == 401, "the old one is over")
        self.assertEqual(self.status(at_once["text"]), 200)
        self.gateway.restart()
        self.assertEqual([self.status(k["text"]) for k in (made, rotated, at_once)], [401, 401, 200])
        self.gateway.stop()
        whats = [c["what"] for c in self.controls()]
        self.assertGreaterEqual(whats.count("key_created"), 3)
        self.assertGreaterEqual(whats.count("key_revoked"), 1)

    def test_while_stopped(self):
        first = self.gateway.key()
        self.gateway.stop()
        made = self.gateway.new_key("dev")
        self.gateway.cordon("key", "revoke", made["key"]["id"])
        kept = self.gateway.new_key("dev")
        self.gateway.start()
        self.assertEqual([self.status(k) for k in (first, made["text"], kept["text"])], [200, 401, 200])
        self.assertEqual(self.gateway.run("audit", "verify").returncode, 0)

    def test_a_running_stream_ends_with_its_key(self):
        made = self.gateway.new_key("dev")
        mine, others = Idle(self.gateway, made["text"]), Idle(self.gateway)
        self.gateway.cordon("key", "revoke", made["key"]["id"])
        body, took = mine.end()
        self.assertLess(took, AT_ONCE)
        self.assertNotIn(b"[DONE]", body)
        self.assertIn(b'"error"', body)
        self.assertEqual(self.ended(mine.request), "killed")
        others.wire.socket.settimeout(1)
        with self.assertRaises(TimeoutError):
            others.wire.more() and others.wire.more() and others.wire.more()

    def test_what_is_no_good_request(self):
        for arguments in (("key", "create", "--agent", "nobody"), ("key", "create"), ("key", "create", "--kind", "root", "--agent", "dev"),
                          ("key", "revoke", "none"), ("key", "rotate", "none"), ("key", "create", "--kind", "admin", "--agent", "dev")):
            with self.subTest(arguments):
                done = self.gateway.run(*arguments)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertTrue(done.stderr.strip())
        out = self.gateway.directory / "new.key"
        done = self.gateway.cordon("key", "create", "--agent", "dev", "--out", out)
        self.assertEqual(out.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(out.read_text().strip(), done)
        self.assertEqual(self.status(out.read_text().strip()), 200)
        self.assertEqual(self.gateway.run("key", "create", "--agent", "dev", "--out", out).returncode, 1)


OTHER = """
agent = "other"
owner = "ops@example.com"
purpose = "is not what is stopped"
models = ["gullible*"]
"""


class Kills(Running):
    """Kill switches, for streams on which nothing comes, too."""

    agents = {"other": OTHER}
    config = staticmethod(lambda text: text + '\n[[models]]\nname = "gullible-two"\nupstream = "gullible"\n')

    def test_each_scope(self):
        front = self.gateway.new_key("dev", "front")["text"]
        mine = self.gateway.new_key("dev")
        # scope, the idle stream that it stops, a request that goes on
        rows = [
            ("all", {}, None),
            ("agent:dev", {}, {"key": self.gateway.key("other")}),
            (f"key:{mine['key']['id']}", {"key": mine["text"]}, {}),
            ("model:gullible", {}, {"body": chat("hi", "gullible-two")}),
            ("upstream:gullible", {"path": MESSAGES}, None),
            ("user-name:ann", {"key": front, "x_cordon_user": "ann"}, {"key": front, "x_cordon_user": "bob"}),
        ]
        for scope, stopped, goes_on in rows:
            with self.subTest(scope):
                idle = Idle(self.gateway, **stopped)
                began = time.monotonic()
                said = json.loads(self.gateway.cordon("kill", scope, "--json"))
                body, _ = idle.end()
                took = time.monotonic() - began
                self.assertLess(took, AT_ONCE)
                self.assertGreaterEqual(said["under_way"], 1)
                self.assertNotIn(b"[DONE]", body)
                self.assertNotIn(b"message_stop", body)
                self.assertEqual(self.ended(idle.request), "killed")
                again = {name: value for name, value in stopped.items() if name != "path"}
                found = ask(self.url, CHAT, again.pop("key", self.gateway.key()), chat("hi"), **again)
                self.assertEqual((found.status, found.error["code"]), (403, "killed"))
                if goes_on is not None:
                    self.assertEqual(self.status(**goes_on), 200)
                self.gateway.restart()
                self.assertEqual(self.status(**{**stopped, "path": CHAT}), 403, "over a restart")
                listed = json.loads(self.gateway.cordon("kill", "--list", "--json"))["kills"]
                self.assertEqual(len(listed), 1, listed)
                self.assertNotIn("ann", json.dumps(listed))
                self.gateway.cordon("unkill", scope)
                self.assertEqual(self.status(**{**stopped, "path": CHAT}), 200)
        self.gateway.stop()
        whats = [c["what"] for c in self.controls()]
        self.assertEqual((whats.count("kill"), whats.count("unkill")), (len(rows), len(rows)))

    def test_a_tool(self):
        body = json.dumps({"model": "gullible", "tools": WEATHER, "messages": [{"role": "user", "content": 'call the tool get_weather with {"city":"Bern"}'}]}).encode()
        calls = lambda: ask(self.url, CHAT, self.gateway.key(), body).json["choices"][0]["message"].get("tool_calls")
        self.assertEqual(len(calls()), 1)
        self.gateway.cordon("kill", "tool:get_weather")
        self.assertFalse(calls())
        self.gateway.restart()
        self.assertFalse(calls())
        self.gateway.cordon("unkill", "tool:get_weather")
        self.assertEqual(len(calls()), 1)

    def test_while_stopped(self):
        self.gateway.stop()
        self.gateway.cordon("kill", "agent:dev")
        self.gateway.start()
        self.assertEqual((self.status(), self.status(self.gateway.key("other"))), (403, 200))

    def test_scopes_that_are_none(self):
        for scope in ("", "al", "all:x", "agent", "agent:", "agent:a b", "thing:x", "user:zz", "user-name:"):
            with self.subTest(scope):
                self.assertEqual(self.gateway.run("kill", scope).returncode, 1)
        self.assertEqual(self.gateway.run("unkill", "agent:dev").returncode, 1)
        self.assertEqual(self.status(), 200)


class Reload(Running):
    """Whole or not at all."""

    def version(self):
        return json.loads(self.gateway.cordon("status"))["policy"]

    def blocked(self):
        """Whether a mail address is blocked."""
        return self.status(body=chat("write to ann@example.org")) == 403

    def changed(self, text):
        return text.replace('injection = "block"', 'injection = "block"\nemail = "block"')

    def test_by_signal_by_file_and_by_command(self):
        self.assertFalse(self.blocked())
        good = self.gateway.read("agents/dev.toml")
        with self.subTest("a file changes"):
            self.gateway.write("agents/dev.toml", self.changed(good))
            eventually(self.blocked, "the new manifest")
        with self.subTest("a signal"):
            self.gateway.write("agents/dev.toml", good)
            self.gateway.process.child.send_signal(1)
            eventually(lambda: not self.blocked(), "the old manifest")
        with self.subTest("a command"):
            self.gateway.write("agents/dev.toml", self.changed(good))
            self.gateway.cordon("reload")
            self.assertTrue(self.blocked())
        with self.subTest("a new model"):
            self.assertEqual(self.status(body=chat("hi", "gullible-new")), 404)
            self.gateway.write("cordon.toml", self.gateway.read("cordon.toml") + '\n[[models]]\nname = "gullible-new"\nupstream = "gullible"\n')
            self.gateway.cordon("reload")
            self.assertEqual(self.status(body=chat("hi", "gullible-new")), 200)
        eventually(lambda: "reload" in [c["what"] for c in self.controls()], "its record")

    def test_a_bad_one_changes_nothing(self):
        version = self.version()
        good = {name: self.gateway.read(name) for name in ("cordon.toml", "agents/dev.toml")}
        bad = {
            "a manifest's field": ("agents/dev.toml", good["agents/dev.toml"] + "\n[tomorrow]\n"),
            "a manifest that is no TOML": ("agents/dev.toml", "= ="),
            "a config's field": ("cordon.toml", good["cordon.toml"] + "\n[tomorrow]\nx = 1\n"),
            "an upstream that is none": ("cordon.toml", good["cordon.toml"] + '\n[[models]]\nname = "m"\nupstream = "none"\n'),
            "a policy": ("policies/own.cedar", "permit (principal, action, resourse);"),
            "a credential that is not there": ("cordon.toml", good["cordon.toml"] + '\n[[upstreams]]\nid = "x"\nkind = "openai"\nbase_url = "https://example.com/v1"\ncredential = { env = "CORDON_NO_SUCH" }\n'),
        }
        for number, (name, (file, text)) in enumerate(bad.items(), 1):
            with self.subTest(name):
                self.gateway.write(file, text)
                done = self.gateway.run("reload")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertTrue(done.stderr.strip())
                self.assertEqual((self.version(), self.status()), (version, 200))
                if file in good:
                    self.gateway.write(file, good[file])
                else:
                    (self.gateway.data_dir / file).unlink()
                self.assertIn("reload refused", self.gateway.stderr())
        refused = lambda: [c["what"] for c in self.controls()].count("reload_refused") >= len(bad)
        eventually(refused, "records of the refusals")
        self.gateway.cordon("reload")
        self.assertEqual(self.version(), version)

    def test_a_running_stream_goes_on(self):
        idle = Idle(self.gateway)
        self.gateway.write("agents/dev.toml", self.changed(self.gateway.read("agents/dev.toml")))
        self.gateway.cordon("reload")
        idle.wire.socket.settimeout(1)
        with self.assertRaises(TimeoutError):
            while idle.wire.more():
                pass

    def test_an_agent_that_goes(self):
        self.gateway.write("agents/dev.toml", OTHER)
        self.gateway.cordon("reload")
        found = ask(self.url, CHAT, self.gateway.key(), chat("hi"))
        self.assertEqual(found.status, 403, found.body)


def budgets(**limits):
    """The starter manifest with these budgets."""
    lines = "[budgets]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items())
    return lambda text: unbudgeted(text).replace("[data.prompt]", lines + "\n[data.prompt]", 1)


class Budgets(unittest.TestCase):
    """Each limit: what is over it gets 429, when to come back, and what it was; also behind a restart."""

    def exceeded(self, gateway, most, body=None, headers=None):
        """Asks until it is refused; `most` is how often it may go through."""
        through = 0
        while True:
            found = ask(gateway.anthropic_base_url, CHAT, gateway.key(), body or chat("hi"))
            if found.status != 200:
                break
            through += 1
            self.assertLessEqual(through, most)
        self.assertEqual((found.status, found.error["code"]), (429, "limit_exceeded"), found.body)
        self.assertGreaterEqual(int(found.headers["retry-after"]), 1)
        self.assertLessEqual(int(found.headers["retry-after"]), 31 * 86_400)
        self.assertNotIn("x-should-retry", found.headers)
        return through, found.error["message"]

    def test_limits_of_an_agent(self):
        rows = [
            ({"requests_per_minute": 3}, 3, "requests", False),
            ({"tokens_per_day": 40}, 4, "tokens", True),
            ({"tokens_per_minute": 40}, 4, "tokens", False),
            # 0.000009 a call by the starter's price table
            ({"cost_per_day": "0.00002"}, 4, "cost", True),
            ({"cost_per_month": "0.00002"}, 4, "cost", True),
        ]
        for limits, most, word, lasting in rows:
            with self.subTest(limits), Gateway(manifest=budgets(**limits)) as gateway:
                through, said = self.exceeded(gateway, most)
                self.assertGreaterEqual(through, 1)
                self.assertIn(word, said.lower())
                if lasting:
                    gateway.restart()
                    self.assertEqual(self.exceeded(gateway, 0)[0], 0, "a restart forgot what was used")
                    gateway.restart(9)
                    self.assertEqual(self.exceeded(gateway, 0)[0], 0, "a crash forgot what was used")

    def test_at_once(self):
        with Gateway(manifest=budgets(concurrent=2)) as gateway:
            idle = [Idle(gateway), Idle(gateway)]
            self.assertEqual(self.exceeded(gateway, 0)[0], 0)
            idle[0].wire.socket.close()
            eventually(lambda: ask(gateway.anthropic_base_url, CHAT, gateway.key(), chat("hi")).status == 200, "a place is free")
            idle[1].wire.socket.close()

    def test_limits_of_a_key(self):
        manifest = lambda text: unbudgeted(text).replace("[data.prompt]", "[key_budgets]\nrequests_per_minute = 2\n\n[data.prompt]", 1)
        with Gateway(manifest=manifest) as gateway:
            self.assertEqual(self.exceeded(gateway, 2)[0], 2)
            other = gateway.new_key("dev")["text"]
            self.assertEqual(ask(gateway.anthropic_base_url, CHAT, other, chat("hi")).status, 200)

    def test_limits_of_a_model(self):
        config = lambda text: text + '\n[[models]]\nname = "gullible-two"\nupstream = "gullible"\n\n[[budgets]]\nmodel = "gullible"\nrequests_per_minute = 2\n'
        with Gateway(config=config, manifest=unbudgeted, agents={"other": OTHER}) as gateway:
            self.assertEqual(self.exceeded(gateway, 2)[0], 2)
            for key, model, status in ((gateway.key("other"), "gullible", 429), (gateway.key(), "gullible-two", 200)):
                self.assertEqual(ask(gateway.anthropic_base_url, CHAT, key, chat("hi", model)).status, status)

    def test_refused_in_the_other_dialect(self):
        with Gateway(manifest=budgets(requests_per_minute=1)) as gateway:
            answers = [ask(gateway.anthropic_base_url, MESSAGES, gateway.key(), message("hi")) for _ in range(2)]
            self.assertEqual([a.status for a in answers], [200, 429])
            self.assertEqual(answers[1].error["type"], "rate_limit_error")


class Users(Running):
    """On whose behalf: only a front end's own credential says so."""

    agents = {"other": OTHER}

    def test_vouching(self):
        new = lambda agent, kind: self.gateway.new_key(agent, kind)["text"]
        agent, front, strange = self.gateway.key(), new("dev", "front"), new("other", "front")
        gone = self.gateway.new_key("dev", "front")
        self.gateway.cordon("key", "revoke", gone["key"]["id"])
        user = {"x_cordon_user": "user-4711"}
        rows = [
            ("a front end", front, user, 200),
            ("a front end without a user", front, {}, 200),
            ("an agent with a front end's word", agent, {**user, "x_cordon_front_key": front}, 200),
            ("an agent alone", agent, user, 403),
            ("another agent's front end", agent, {**user, "x_cordon_front_key": strange}, 403),
            ("an agent's key as a word", agent, {**user, "x_cordon_front_key": agent}, 403),
            ("an admin's key as a word", agent, {**user, "x_cordon_front_key": self.gateway.admin_key()}, 403),
            ("a revoked word", agent, {**user, "x_cordon_front_key": gone["text"]}, 403),
            ("no key as a word", agent, {**user, "x_cordon_front_key": "front"}, 403),
            ("a user without a name", front, {"x_cordon_user": ""}, 400),
            ("a name over its length", front, {"x_cordon_user": "u" * 3000}, 400),
            ("a name with odd letters", front, {"x_cordon_user": "\xe4"}, 400),
        ]
        for name, key, headers, status in rows:
            with self.subTest(name):
                found = ask(self.url, CHAT, key, chat("hi"), **headers)
                self.assertEqual(found.status, status, found.body)
                if status == 403:
                    self.assertEqual(found.error["code"], "user_not_vouched")

    def test_the_record_has_a_pseudonym(self):
        front = self.gateway.new_key("dev", "front")["text"]
        for user in ("ann", "ann", "bob"):
            self.assertEqual(self.status(front, x_cordon_user=user), 200)
        self.gateway.restart()
        self.assertEqual(self.status(front, x_cordon_user="ann"), 200)
        self.gateway.stop()
        users = [r["record"]["user"] for r in self.gateway.records() if "user" in r["record"]]
        self.assertEqual((len(users), len(set(users))), (4, 2))
        self.assertEqual(users[0], users[3])
        self.assertTrue(all(re.fullmatch(r"[0-9a-f]{32}", u) for u in users), users)

    def test_policies_see_it(self):
        own = '@id("only-for-users") forbid (principal, action == Action::"model.prompt", resource) unless { context.on_behalf };'
        self.gateway.write("policies/own.cedar", own)
        done = self.gateway.run("reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        front = self.gateway.new_key("dev", "front")["text"]
        self.assertEqual((self.status(), self.status(front, x_cordon_user="ann")), (403, 200))


if __name__ == "__main__":
    unittest.main()
