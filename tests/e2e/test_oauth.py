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
from test_mcp import Fixture

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
    # What a server declares is approved with its first listing: these tests are about who may ask it.
    return f'\n[[servers]]\nid = "{name}"\nurl = "{url}"\npins = "first_use"\n{more}\n'


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
            # At one server's endpoint a server that cannot be reached shows at once.
            session = opened.headers.get("mcp-session-id")
            if session is None:
                return opened
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
        found = lambda: [r["key"] for r in self.at.records() if "key" in r and request in json.dumps(r)]  # noqa: E731
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


class Servers(unittest.TestCase):
    """The gateway's own tokens towards tool servers."""

    def setUp(self):
        self.auth, self.bank = AuthorizationServer(), ToolServer()
        self.addCleanup(self.auth.close)
        self.addCleanup(self.bank.close)

    def own(self, grant, more="", client="gateway", secret="s3cret/+&=", where=None):
        """`[servers.oauth]`, with the client's secret in a file beside the config."""
        lines = f'\n[servers.oauth]\ngrant = "{grant}"\nclient_id = "{client}"\n{more}\n'
        lines += f"{where}\n" if where else f'token_url = "{self.auth.url}/token"\n'
        if grant == "token_exchange" and "subject_issuers" not in more:
            lines += f'subject_issuers = ["{self.auth.issuer}"]\n'
        self.secret = secret
        return lines + ('client_secret = { file = "secret" }\n' if secret else "")

    def at(self, own, before="", more_servers=""):
        def config(base):
            return server(self.bank.mcp, before) + own + more_servers + oauth(base, self.auth.issuer)

        at = Setting(lambda base: "")
        self.addCleanup(at.close)
        at.gateway.write("secret", f"{self.secret}\n")
        at.put(config)
        at.caller = lambda **more: self.auth.token(f"{at.base}/mcp", **more)
        return at

    def grants(self, kind):
        return [f for f in self.auth.seen("/token") if f.get("grant_type", "").endswith(kind)]

    def test_client_credentials(self):
        for how in ("basic", "post"):
            with self.subTest(how):
                # Servers of its own: the round before's gateway still runs, and asks its server anew once it has seen
                # by itself that its config was changed.
                self.setUp()
                more = f'scopes = ["pay", "see"]\nclient_auth = "{how}"'
                at = self.at(self.own("client_credentials", more))
                for caller in (at.gateway.key("bot"), at.caller(), at.gateway.key("other")):
                    self.assertEqual(text(at.call(caller)), "did balance")
                forms = self.grants("client_credentials")
                # One token for everybody, for this server alone.
                self.assertEqual(len(forms), 1)
                self.assertEqual((forms[0]["scope"], forms[0]["resource"]), ("pay see", self.bank.mcp))
                self.assertEqual("client_secret" in forms[0], how == "post")
                self.assertEqual(len(set(self.bank.tokens())), 1)

    def test_many_callers_at_once_ask_once(self):
        at = self.at(self.own("client_credentials"))
        key = at.gateway.key("bot")
        sessions = [at.open(key, "/mcp").headers["mcp-session-id"] for _ in range(8)]

        async def all_at_once():
            async with httpx2.AsyncClient(timeout=60) as http:
                def one(session):
                    message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call"}
                    message["params"] = {"name": "bank__balance", "arguments": {}}
                    headers = {"authorization": f"Bearer {key}", "mcp-session-id": session}
                    headers |= {"accept": "application/json, text/event-stream", "mcp-protocol-version": CURRENT}
                    return http.post(at.base + "/mcp", json=message, headers=headers)

                return await asyncio.gather(*map(one, sessions))

        self.assertEqual([text(a) for a in asyncio.run(all_at_once())], ["did balance"] * 8)
        self.assertEqual(len(self.grants("client_credentials")), 1)

    def test_a_token_is_renewed_before_its_end_and_after_a_401(self):
        self.auth.lifetime = 4  # renewed after three quarters
        at = self.at(self.own("client_credentials"))
        key = at.gateway.key("bot")
        session = at.open(key).headers["mcp-session-id"]
        self.assertEqual(text(at.call(key, session=session)), "did balance")
        time.sleep(3.2)
        self.assertEqual(text(at.call(key, session=session)), "did balance")
        self.assertEqual(len(self.grants("client_credentials")), 2)
        # The server forgets all tokens: one retry with a new one, and the call was done once.
        self.auth.lifetime = 300
        time.sleep(3.2)
        at.call(key, session=session)
        old = set(self.bank.tokens())
        self.bank.accepts = lambda token: token and token not in old
        before, asked = len(self.bank.calls()), len(self.grants("client_credentials"))
        self.assertEqual(text(at.call(key, session=session)), "did balance")
        self.assertEqual(len(self.grants("client_credentials")), asked + 1)
        self.assertEqual(len(self.bank.calls()), before + 2)
        # A server that takes none is not served one token after the other.
        self.bank.accepts = lambda token: False
        for _ in range(5):
            answer = at.call(key, session=session)
            self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth", answer.text)
        self.assertLessEqual(len(self.grants("client_credentials")), asked + 2)

    def test_the_token_endpoint_says_no(self):
        at = self.at(self.own("client_credentials", secret="not-the-secret"))
        answer = at.call(at.gateway.key("bot"))
        self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth")
        self.assertNotIn("CANARY", answer.text)
        self.assertNotIn("invalid_client", answer.text)
        eventually(lambda: "invalid_client" in at.gateway.stderr(), "the log says why")
        log = at.gateway.stderr()
        self.assertNotIn("CANARY", log)
        self.assertNotIn(self.secret, log)
        # Callers cannot flood it.
        for _ in range(10):
            at.call(at.gateway.key("bot"))
        self.assertLessEqual(len(self.auth.seen("/token")), 3)
        self.assertEqual(self.bank.heard, [])
        seen = lambda: [r for r in at.records() if "upstream_auth" in json.dumps(r)]  # noqa: E731
        session = at.open(at.gateway.key("bot"), "/mcp").headers["mcp-session-id"]
        at.call(at.gateway.key("bot"), "bank__balance", "/mcp", session)
        eventually(seen, "a record that says why")

    def test_over_the_older_transport(self):
        with Fixture("sse") as fixture:
            at = self.at("", more_servers=server(fixture.url, 'transport = "sse"', "old") + self.own("client_credentials"))
            answer = at.call(at.gateway.key("bot"), "test_simple_text", "/mcp/old")
            self.assertIn("simple text", answer.text)
            # One token, for the stream and for all that is posted.
            self.assertEqual([f["resource"] for f in self.grants("client_credentials")], [fixture.url])

    def test_found_by_the_issuer_s_metadata(self):
        at = self.at(self.own("client_credentials", where=f'issuer = "{self.auth.issuer}"'))
        self.assertEqual(text(at.call(at.gateway.key("bot"))), "did balance")

    def test_metadata_that_leads_elsewhere(self):
        thief = AuthorizationServer()
        self.addCleanup(thief.close)
        for metadata in (
            {"token_endpoint": f"{thief.url}/token"},
            {"token_endpoint": "http://169.254.169.254/token"},
            {"token_endpoint": "https://169.254.169.254/token"},
            {"token_endpoint": f"https://127.0.0.1:{thief.port}/token"},
            {"issuer": thief.issuer},
            {"token_endpoint": None},
        ):
            with self.subTest(metadata):
                self.auth.metadata = metadata
                at = self.at(self.own("client_credentials", where=f'issuer = "{self.auth.issuer}"'))
                answer = at.call(at.gateway.key("bot"))
                self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth")
        self.assertEqual(thief.requests, [])

    def test_answers_of_the_token_endpoint_that_cannot_be_used(self):
        def endless(out):
            try:
                while True:
                    out.write(b" " * 65536)
            except OSError:
                pass

        json_type = {"content-type": "application/json"}
        broken = {
            "a redirect": (307, {"location": f"{self.bank.url}/token"}, b""),
            "endless": (200, json_type, endless),
            "nothing": (200, json_type, b""),
            "another type": (200, json_type, b'{"access_token":"t","token_type":"DPoP"}'),
            "a header's end": (200, json_type, b'{"access_token":"t\\r\\nx: y","token_type":"Bearer"}'),
        }
        for name, answer in broken.items():
            with self.subTest(name):
                self.auth.override["/token"] = answer
                at = self.at(self.own("client_credentials"))
                said = at.call(at.gateway.key("bot"))
                self.assertEqual(said.json()["error"]["data"]["code"], "upstream_auth", said.text)
        self.assertEqual(self.bank.heard, [])

    # ---- refresh tokens

    def test_refresh_tokens_rotate_and_are_kept_encrypted(self):
        self.auth.refresh_tokens["first-refresh-token"] = "gateway"
        at = self.at(self.own("refresh_token"))
        gateway, key = at.gateway, at.gateway.key("bot")
        answer = at.call(key)
        self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth")
        eventually(lambda: "cordon mcp token set bank" in gateway.stderr(), "the log says what to do")
        self.assertEqual(gateway.cordon("mcp", "token", "list"), "bank: missing\n")
        said = gateway.cordon("mcp", "token", "set", "bank", input="first-refresh-token\n")
        self.assertIn("the gateway goes by it", said)
        self.assertEqual(gateway.cordon("mcp", "token", "list"), "bank: stored\n")
        self.assertEqual(text(at.call(key)), "did balance")
        self.assertEqual(len(self.grants("refresh_token")), 1)
        # A restart goes on with the rotated one.
        gateway.restart()
        at.base = gateway.anthropic_base_url
        self.assertEqual(text(at.call(key)), "did balance")
        used = [f["refresh_token"] for f in self.grants("refresh_token")]
        self.assertEqual((len(used), len(set(used)), used[0]), (2, 2, "first-refresh-token"))
        current = list(self.auth.refresh_tokens)[0]
        for path, content in gateway.every_persisted_byte():
            for token in (*used, current):
                self.assertNotIn(token.encode(), content, path)
        self.assertEqual((gateway.data_dir / "oauth/bank.token").stat().st_mode & 0o777, 0o600)
        self.assertEqual((gateway.data_dir / "keys/tokens.key").stat().st_mode & 0o777, 0o600)
        # Taken out, it opens nothing any more, at once.
        self.assertIn("removed", gateway.cordon("mcp", "token", "remove", "bank"))
        answer = at.call(key)
        self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth")
        self.assertEqual(gateway.run("mcp", "token", "remove", "bank").returncode, 3)

    def test_the_command_says_what_is_wrong(self):
        at = self.at(self.own("client_credentials"))
        for arguments, given in ((("set", "bank"), "x\n"), (("set", "nowhere"), "x\n"), (("set", "BANK"), "x\n")):
            done = at.gateway.run("mcp", "token", *arguments, input=given)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertTrue(done.stderr)
        at = self.at(self.own("refresh_token"))
        for given in ("", "\n", "two words\n", "x" * 20_000):
            done = at.gateway.run("mcp", "token", "set", "bank", input=given)
            self.assertEqual(done.returncode, 1)
            self.assertIn("one line", done.stderr)

    # ---- token exchange

    def test_each_caller_has_a_token_of_its_own(self):
        at = self.at(self.own("token_exchange", 'audience = "bank"', "exchanger", "other secret"))
        ann, bob = at.caller(), at.caller(sub="bob@people.example")
        sessions = {t: at.open(t).headers["mcp-session-id"] for t in (ann, bob)}
        for _ in range(2):
            for token in (ann, bob):
                self.assertEqual(text(at.call(token, session=sessions[token])), "did balance")
        self.assertEqual(len(self.grants("token-exchange")), 2)
        form = self.grants("token-exchange")[0]
        self.assertEqual((form["resource"], form["audience"]), (self.bank.mcp, "bank"))
        of = dict(self.auth.exchanged)
        # What the server saw in each caller's calls was got for that caller, and was no caller's own.
        said = [a.removeprefix("Bearer ") for a, _ in self.bank.calls()]
        self.assertEqual(said, [of[ann], of[bob], of[ann], of[bob]])
        self.assertEqual(set(self.bank.tokens()), {of[ann], of[bob]})
        for token in (ann, bob):
            self.assertNotIn(token.split(".")[2], self.bank.everything)
        # A new token of the same caller is exchanged anew: its rights may be others.
        again = at.caller()
        self.assertEqual(text(at.call(again, session=sessions[ann])), "did balance")
        self.assertEqual(self.bank.tokens()[-1], dict(self.auth.exchanged)[again])
        # Without sessions (2026-07-28) connections are shared by key: never by two callers.
        self.assertEqual(at.call(bob, session=sessions[ann]).status_code, 404)

    def test_callers_with_keys_have_nothing_to_exchange(self):
        at = self.at(self.own("token_exchange", "", "exchanger", "other secret"))
        answer = at.call(at.gateway.key("bot"))
        self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth")
        self.assertIn("come with an access token", answer.text)
        self.assertEqual((self.bank.heard, self.auth.seen("/token")), ([], []))

    def test_one_issuer_s_callers_are_not_shown_to_another(self):
        other = AuthorizationServer()
        self.addCleanup(other.close)
        more = f'[[oauth.issuers]]\nurl = "{other.issuer}"\nagents = {{ "app" = "bot" }}\n'
        own = self.own("token_exchange", "", "exchanger", "other secret")
        at = self.at(own)
        at.put(lambda base: server(self.bank.mcp) + own + oauth(base, self.auth.issuer, more))
        foreign = other.token(f"{at.base}/mcp")
        answer = at.call(foreign)
        self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth")
        self.assertIn("callers of that issuer", answer.text)
        self.assertEqual(self.auth.seen("/token"), [])
        self.assertEqual(text(at.call(at.caller())), "did balance")

    def test_what_check_says(self):
        at = self.at(self.own("client_credentials"))
        bad = oauth(at.base, self.auth.issuer).replace('"bot"', '"nobody"')
        bad += 'algorithms = ["HS256"]\n'
        at.gateway.write("cordon.toml", at.starter + server(self.bank.mcp, 'scopes = { "*" = "" }') + bad)
        done = at.gateway.run("check")
        self.assertNotEqual(done.returncode, 0)
        said = done.stdout + done.stderr
        for part in ("servers[0].scopes.*", "oauth.issuers[0].algorithms[0]", "RS256"):
            self.assertIn(part, said)
        at.gateway.write("cordon.toml", at.starter + server(self.bank.mcp) + bad.replace("HS256", "RS256"))
        done = at.gateway.run("check")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nobody", done.stdout + done.stderr)

    def test_the_caller_s_own_token_is_none_for_a_server(self):
        at = self.at(self.own("token_exchange", "", "exchanger", "other secret"))
        token = at.caller()
        kind = "urn:ietf:params:oauth:token-type:access_token"
        body = json.dumps({"access_token": token, "token_type": "Bearer", "issued_token_type": kind}).encode()
        self.auth.override["/token"] = (200, {"content-type": "application/json"}, body)
        answer = at.call(token)
        self.assertEqual(answer.json()["error"]["data"]["code"], "upstream_auth")
        self.assertEqual(self.bank.heard, [])
        eventually(lambda: "own token" in at.gateway.stderr(), "the log says why")

    def test_stateless_clients_never_share_an_exchanged_token(self):
        at = self.at(self.own("token_exchange", "", "exchanger", "other secret"))
        tokens = [at.caller(sub=f"user{n}") for n in range(4)]

        async def one(token):
            headers = {"authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
                transport = streamable_http_client(f"{at.base}/mcp", http_client=http)
                async with Client(transport, mode="2026-07-28") as client:
                    return [(await client.call_tool("bank__balance", {})).content[0].text for _ in range(3)]

        async def do():
            return await asyncio.gather(*map(one, tokens))

        self.assertEqual(asyncio.run(asyncio.wait_for(do(), 120)), [["did balance"] * 3] * 4)
        of = dict(self.auth.exchanged)
        self.assertEqual(sorted(of), sorted(tokens))
        said = [a.removeprefix("Bearer ") for a, _ in self.bank.calls()]
        self.assertEqual({t: said.count(of[t]) for t in tokens}, dict.fromkeys(tokens, 3))


if __name__ == "__main__":
    unittest.main()
