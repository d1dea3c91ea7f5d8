"""OAuth: access tokens instead of keys at the tool endpoints, and the gateway's own tokens towards tool servers."""

import asyncio
import json
import time
import unittest
from urllib.parse import parse_qs, urlsplit

import httpx2
from gateway import Gateway, eventually
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from oauth_fixture import AuthorizationServer, ToolServer

MANIFEST = """
agent = "{agent}"
owner = "tests"
purpose = "tools"
models = []

[[tools]]
name = "{tools}"
effect = "read"
"""
CURRENT = "2025-11-25"


def manifest(agent, tools="*"):
    return MANIFEST.format(agent=agent, tools=tools)


AGENTS = {"bot": manifest("bot"), "other": manifest("other")}
SCOPES = 'scopes = { "*" = "bank:read", "transfer" = "bank:write" }'


def oauth(resource, issuer, more=""):
    return f"""
[oauth]
resource = "{resource}"

[[oauth.issuers]]
url = "{issuer}"
agents = {{ "app" = "bot", "second" = "other" }}
{more}
"""


def server(url, more="", name="bank"):
    return f'\n[[servers]]\nid = "{name}"\nurl = "{url}"\n{more}\n'


class Setting:
    """A gateway whose config names itself by the port that it got."""

    def __init__(self, config, agents=AGENTS):
        # Its port is known once it runs.
        self.gateway = Gateway(agents=agents)
        self.base = self.gateway.anthropic_base_url
        self.starter = self.gateway.read("cordon.toml")
        self.put(config)

    def put(self, config):
        self.gateway.write("cordon.toml", self.starter + config(self.base))
        self.gateway.cordon("reload")

    def close(self):
        self.gateway.close_verified()

    def records(self):
        return [r["record"] for r in self.gateway.records()]

    def post(self, message, token=None, path="/mcp/bank", **headers):
        headers = {
            "accept": "application/json, text/event-stream", "mcp-protocol-version": CURRENT,
            **({"authorization": f"Bearer {token}"} if token else {}),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return httpx2.post(self.base + path, json=message, headers=headers, timeout=60)

    def open(self, token, path="/mcp/bank"):
        """A session; the answer to `initialize`."""
        hello = {"protocolVersion": CURRENT, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        return self.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, token, path)

    def call(self, token, tool="balance", path="/mcp/bank", session=None):
        """A call in a session of its own, or in that one."""
        if session is None:
            opened = self.open(token, path)
            if opened.status_code != 200:
                return opened
            session = opened.headers["mcp-session-id"]
        message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
        return self.post(message, token, path, mcp_session_id=session)


def text(answer):
    return answer.json()["result"]["content"][0]["text"]


def challenge(answer):
    """`WWW-Authenticate` as a dictionary."""
    kind, _, rest = answer.headers["www-authenticate"].partition(" ")
    assert kind == "Bearer"
    return {k: v.strip('"') for k, _, v in (part.partition("=") for part in rest.split(", "))}


class Clients(unittest.TestCase):
    """The gateway as a resource server."""

    @classmethod
    def setUpClass(cls):
        cls.auth, cls.bank = AuthorizationServer(), ToolServer()
        cls.addClassCleanup(cls.auth.close)
        cls.addClassCleanup(cls.bank.close)
        cls.config = staticmethod(lambda base: server(cls.bank.mcp, SCOPES) + oauth(base, cls.auth.issuer))
        cls.at = Setting(cls.config)
        cls.addClassCleanup(cls.at.close)

    def token(self, scope="bank:read bank:write", audience=None, **more):
        return self.auth.token(audience or f"{self.at.base}/mcp", scope=scope, **more)

    def refused(self, token, status=401, **more):
        answer = self.at.open(token, **more)
        self.assertEqual(answer.status_code, status, answer.text)
        if status == 401:
            self.assertEqual(challenge(answer)["error"], "invalid_token")
        return answer

    def test_a_token_opens_what_it_was_issued_for(self):
        base = self.at.base
        for audience, path in ((f"{base}/mcp", "/mcp/bank"), (f"{base}/mcp/bank", "/mcp/bank"), (f"{base}/mcp", "/mcp")):
            for key in (0, 1):
                with self.subTest(audience=audience, path=path, key=key):
                    tool = "balance" if path == "/mcp/bank" else "bank__balance"
                    answer = self.at.call(self.token(audience=audience, key=key), tool, path)
                    self.assertEqual(text(answer), "did balance")
        self.refused(self.token(audience=f"{base}/mcp/bank"), path="/mcp")
        self.refused(self.token(audience=f"{base}/mcp/other"))

    def test_keys_go_on_to_count(self):
        self.assertEqual(text(self.at.call(self.at.gateway.key("bot"))), "did balance")

    def test_what_does_not_hold(self):
        base, now = self.at.base, int(time.time())
        evil = AuthorizationServer()
        self.addCleanup(evil.close)
        bad = {
            "audience": self.token(audience="https://elsewhere.example/mcp"),
            "audience with a slash": self.token(audience=f"{base}/mcp/"),
            "the tool server's own": self.token(audience=self.bank.mcp),
            "expired": self.token(exp=now - 60),
            "future": self.token(nbf=now + 300),
            "no expiry": self.token(exp=None),
            "no subject": self.token(sub=None),
            "an id token": self.token(header={"typ": "JWT"}),
            "another issuer": evil.token(f"{base}/mcp"),
            "another issuer in our name": evil.token(f"{base}/mcp", iss=self.auth.issuer),
            "bound": self.token(cnf={"jkt": "x"}),
            "no signature": self.token().rsplit(".", 1)[0] + ".",
            "not a token": "a.b.c",
            "huge": self.token(x="y" * 20_000),
            "unknown key": self.token(header={"kid": "nobody"}),
            "a key of cordon": "cordon_agent_x.y.z",
        }
        for name, token in bad.items():
            with self.subTest(name):
                self.refused(token)
        self.refused(self.token(client_id="stranger"), 403)

    def test_tokens_open_nothing_but_tools(self):
        token = self.token()
        for method, path in (("GET", "/v1/models"), ("POST", "/v1/messages"), ("POST", "/cordon/v1/authorize")):
            answer = httpx2.request(method, self.at.base + path, headers={"authorization": f"Bearer {token}"})
            self.assertEqual(answer.status_code, 401, path)
        answer = self.at.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, None, x_api_key=token)
        self.assertEqual(answer.status_code, 401)

    def test_what_a_client_is_told(self):
        base = self.at.base
        for path in ("/mcp", "/mcp/bank", "/mcp/nowhere"):
            with self.subTest(path):
                said = challenge(self.at.open(None, path))
                self.assertEqual(said["resource_metadata"], f"{base}/.well-known/oauth-protected-resource{path}")
                self.assertEqual(said["scope"], "bank:read")
                self.assertNotIn("error", said)
                document = httpx2.get(said["resource_metadata"]).json()
                self.assertEqual(document["resource"], base + path)
                self.assertEqual(document["authorization_servers"], [self.auth.issuer])
                self.assertEqual(document["scopes_supported"], ["bank:read"])
                self.assertEqual(document["bearer_methods_supported"], ["header"])
        root = httpx2.get(f"{base}/.well-known/oauth-protected-resource").json()
        self.assertEqual(root["resource"], f"{base}/mcp")
        for path, status in (("/mcp/Bad_Name", 401), ("/x", 401), ("/mcp?x=1", 401)):
            answer = httpx2.get(f"{base}/.well-known/oauth-protected-resource{path}")
            self.assertEqual(answer.status_code, status, path)
        # The request's own word about the host is nobody's.
        said = httpx2.get(f"{base}/.well-known/oauth-protected-resource", headers={"host": "evil.example"}).json()
        self.assertEqual(said["resource"], f"{base}/mcp")

    def test_step_up(self):
        token = self.token("bank:read")
        session = self.at.open(token).headers["mcp-session-id"]
        listed = self.at.post({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}, token, mcp_session_id=session)
        self.assertEqual([t["name"] for t in listed.json()["result"]["tools"]], ["balance", "transfer"])
        self.assertEqual(text(self.at.call(token, "balance", session=session)), "did balance")
        before = len(self.bank.calls())
        answer = self.at.call(token, "transfer", session=session)
        self.assertEqual(answer.status_code, 403)
        said = challenge(answer)
        self.assertEqual((said["error"], said["scope"]), ("insufficient_scope", "bank:read bank:write"))
        self.assertIn("/.well-known/oauth-protected-resource/mcp/bank", said["resource_metadata"])
        self.assertEqual(answer.json()["error"]["data"]["code"], "insufficient_scope")
        self.assertEqual(len(self.bank.calls()), before)
        # The same client with a wider token goes on in the same session.
        self.assertEqual(text(self.at.call(self.token(), "transfer", session=session)), "did transfer")
        # At the endpoint of all servers too; and a key has no need of scopes.
        answer = self.at.call(token, "bank__transfer", "/mcp")
        self.assertEqual((answer.status_code, challenge(answer)["scope"]), (403, "bank:read bank:write"))
        self.assertEqual(self.at.call(self.token(""), "balance").status_code, 403)
        self.assertEqual(text(self.at.call(self.at.gateway.key("bot"), "transfer")), "did transfer")
        def recorded():
            found = [r for r in self.at.records() if "insufficient_scope" in json.dumps(r)]
            return found if len(found) >= 3 else None

        refusals = eventually(recorded, "a record of each refusal")
        self.assertEqual(len(refusals), 3)
        self.assertTrue(all(r["agent"] == "bot" and r["call"]["tool"] for r in refusals), refusals)

    def test_a_session_is_its_subject_s(self):
        session = self.at.open(self.token()).headers["mcp-session-id"]
        self.assertEqual(text(self.at.call(self.token(jti="another"), session=session)), "did balance")
        for thief in (
            self.token(sub="bob@people.example"),
            self.token(client_id="second"),
            self.token(sub="bob@people.example", client_id="second"),
            self.at.gateway.key("bot"),
        ):
            self.assertEqual(self.at.call(thief, session=session).status_code, 404)

    def test_no_token_and_no_name_is_written_anywhere(self):
        token = self.token(sub="canary-subject@people.example")
        self.assertEqual(text(self.at.call(token)), "did balance")
        for path, content in self.at.gateway.every_persisted_byte():
            self.assertNotIn(b"canary-subject", content, path)
            self.assertNotIn(token.encode()[-60:], content, path)
        self.assertNotIn("canary-subject", self.at.gateway.stderr())
        # What the tool server heard is not the caller's token, nor anything of it.
        self.assertEqual(self.bank.tokens(), [])
        self.assertNotIn(token.split(".")[2], self.bank.everything)
        self.assertNotIn("canary-subject", self.bank.everything)

    def test_a_kill_switch_stops_a_caller(self):
        one, two = self.token(sub="to-be-stopped"), self.token(sub="goes-on")
        self.assertEqual(text(self.at.call(one)), "did balance")
        # A record names who it was by a digest.
        answer = self.at.call(one)
        request = answer.headers["x-request-id"].removeprefix("req_")
        found = lambda: [r["key"] for r in self.at.records() if request in json.dumps(r)]  # noqa: E731
        key = eventually(found, "a record of the call")[0]
        self.assertTrue(key.startswith("oauth"), key)
        self.at.gateway.cordon("kill", f"key:{key}")
        self.addCleanup(self.at.gateway.cordon, "unkill", f"key:{key}")
        self.assertEqual(self.at.open(one).status_code, 403)
        self.assertEqual(text(self.at.call(two)), "did balance")

    def test_a_standing_stream_ends_with_its_token(self):
        token = self.token(exp=int(time.time()) - 26)  # valid within the leeway of 30 seconds
        session = self.at.open(token).headers["mcp-session-id"]
        headers = {"authorization": f"Bearer {token}", "mcp-session-id": session, "accept": "text/event-stream"}
        with httpx2.stream("GET", f"{self.at.base}/mcp/bank", headers=headers, timeout=60) as stream:
            self.assertEqual(stream.status_code, 200)
            self.assertIn("open", stream.read().decode())
        self.refused(token)

    def test_the_official_client_finds_its_way(self):
        asked = []

        class Storage:
            tokens = client = None

            async def get_tokens(self):
                return self.tokens

            async def set_tokens(self, tokens):
                self.tokens = tokens

            async def get_client_info(self):
                return self.client

            async def set_client_info(self, client):
                self.client = client

        async def visit(url):
            answer = httpx2.get(url, follow_redirects=False)
            asked.append({k: v[0] for k, v in parse_qs(urlsplit(url).query).items()})
            asked[-1]["to"] = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}

        async def come_back():
            to = asked[-1]["to"]
            return AuthorizationCodeResult(code=to["code"], state=to["state"], iss=to["iss"])

        async def do():
            url = f"{self.at.base}/mcp/bank"
            wanted = OAuthClientMetadata(client_name="t", redirect_uris=["http://127.0.0.1:9/callback"])
            auth = OAuthClientProvider(url, wanted, Storage(), visit, come_back)
            async with httpx2.AsyncClient(auth=auth, timeout=60) as http:
                async with Client(streamable_http_client(url, http_client=http)) as client:
                    names = [t.name for t in (await client.list_tools()).tools]
                    first = (await client.call_tool("balance", {})).content[0].text
                    second = (await client.call_tool("transfer", {})).content[0].text
                    return names, first, second

        names, first, second = asyncio.run(asyncio.wait_for(do(), 120))
        self.assertEqual((names, first, second), (["balance", "transfer"], "did balance", "did transfer"))
        # Asked for the least first, and for more when more was needed; for this endpoint alone.
        self.assertEqual([a.get("scope") for a in asked], ["bank:read", "bank:read bank:write"])
        self.assertTrue(all(a["resource"] == f"{self.at.base}/mcp/bank" for a in asked))


class Keys(unittest.TestCase):
    """Where an issuer's keys come from, and where they must not come from."""

    def setUp(self):
        self.auth, self.bank = AuthorizationServer(), ToolServer()
        self.addCleanup(self.auth.close)
        self.addCleanup(self.bank.close)

    def at(self, more=""):
        at = Setting(lambda base: server(self.bank.mcp) + oauth(base, self.auth.issuer, more))
        self.addCleanup(at.close)
        return at

    def test_new_keys_are_found_once_in_a_while(self):
        at = self.at()
        self.assertEqual(text(at.call(self.auth.token(f"{at.base}/mcp"))), "did balance")
        fetched = len(self.auth.seen("/keys"))
        # Made-up names of keys: one fetch at most, however many.
        for n in range(20):
            self.assertEqual(at.open(self.auth.token(f"{at.base}/mcp", header={"kid": f"k{n}"})).status_code, 401)
        self.assertLessEqual(len(self.auth.seen("/keys")), fetched + 1)
        # A reload keeps the keys, and fetches nothing anew.
        at.gateway.cordon("reload")
        self.assertEqual(text(at.call(self.auth.token(f"{at.base}/mcp"))), "did balance")
        self.assertLessEqual(len(self.auth.seen("/keys")), fetched + 1)

    def never(self, more="", why="could not be fetched"):
        at = self.at(more)
        answer = at.open(self.auth.token(f"{at.base}/mcp"))
        self.assertEqual(answer.status_code, 503, answer.text)
        eventually(lambda: why in at.gateway.stderr(), f"the log says `{why}`")
        # A key still opens, whatever becomes of an issuer.
        self.assertEqual(text(at.call(at.gateway.key("bot"))), "did balance")
        return at

    def test_metadata_that_leads_inside(self):
        inside = AuthorizationServer()
        self.addCleanup(inside.close)
        for url in (f"{inside.url}/keys", "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/keys"):
            with self.subTest(url):
                self.auth.metadata = {"jwks_uri": url}
                self.never(why="plain HTTP on another host")
        for url in ("https://169.254.169.254/keys", f"https://127.0.0.1:{inside.port}/keys", "https://10.0.0.1/keys"):
            with self.subTest(url):
                self.auth.metadata = {"jwks_uri": url}
                self.never(why="refused to connect")
        self.assertEqual(inside.requests, [])

    def test_metadata_of_another_issuer(self):
        self.auth.metadata = {"issuer": "https://other.example"}
        self.never(why="another issuer")

    def test_redirects_are_not_followed(self):
        elsewhere = AuthorizationServer()
        self.addCleanup(elsewhere.close)
        self.auth.override["/keys"] = (302, {"location": f"{elsewhere.url}/keys"}, b"")
        self.never(why="a redirect")
        self.assertEqual(elsewhere.requests, [])

    def test_endless_documents(self):
        def endless(out):
            try:
                while True:
                    out.write(b" " * 65536)
            except OSError:
                pass

        self.auth.override["/.well-known/oauth-authorization-server"] = (200, {}, endless)
        self.never(why="larger than")

    def test_documents_that_are_none(self):
        for body in (b"", b"[]", b'{"keys":[]}', b'{"keys":[{"kty":"oct","k":"AAAA"}]}', b"{" * 100_000):
            with self.subTest(body[:40]):
                self.auth.override["/keys"] = (200, {}, body)
                self.never()

    def test_keys_at_a_place_of_the_operator_s(self):
        self.auth.override["/.well-known/oauth-authorization-server"] = (500, {}, b"")
        at = self.at(f'keys_url = "{self.auth.url}/keys"\nalgorithms = ["ES256"]')
        self.assertEqual(text(at.call(self.auth.token(f"{at.base}/mcp", key=1))), "did balance")
        self.assertEqual(at.open(self.auth.token(f"{at.base}/mcp")).status_code, 401)


if __name__ == "__main__":
    unittest.main()
