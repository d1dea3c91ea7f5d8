"""An authorization server and a tool server that writes down what it hears, for tests.

The authorization server is real as far as it goes: RSA and P-256 keys in a set, metadata, registration, an authorization
endpoint that says yes to everybody, and a token endpoint with authorization codes (PKCE), client credentials, refresh
tokens that rotate, and token exchange. Tests break it on purpose.
"""

import base64
import hashlib
import json
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class Server:
    """Serves `handle(method, path, headers, body) -> (status, headers, body)` on a free port of this machine."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                status, headers, out = outer.handle(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if callable(out):  # a body without an end
                    self.send_header("connection", "close")
                    self.end_headers()
                    out(self.wfile)
                    self.close_connection = True
                    return
                self.send_header("content-length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST = do_DELETE = do

            def log_message(self, *_):
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.port = self.httpd.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def handle(self, method, path, headers, body):
        raise NotImplementedError


def reply(value, status=200, **headers):
    return status, {"content-type": "application/json", **headers}, json.dumps(value).encode()


class AuthorizationServer(Server):
    def __init__(self):
        super().__init__()
        self.issuer = self.url
        self.keys = [RSAKey.generate_key(2048, {"kid": "one"}), ECKey.generate_key("P-256", {"kid": "two"})]
        self.clients = {"gateway": "s3cret/+&=", "exchanger": "other secret"}
        self.codes = {}
        self.refresh_tokens = {}
        self.used_refresh_tokens = set()
        self.exchanged = []
        self.requests = []
        # What tests set to break it.
        self.metadata = {}
        self.override = {}
        self.lifetime = 300
        self.lock = threading.Lock()

    # ---- tokens

    def token(self, audience, header=None, key=0, **claims):
        now = int(time.time())
        base = {
            "iss": self.issuer, "aud": audience, "sub": "ann@people.example", "client_id": "app",
            "iat": now, "exp": now + self.lifetime, "jti": secrets.token_hex(8),
        }
        claims = {k: v for k, v in {**base, **claims}.items() if v is not None}
        chosen = self.keys[key]
        algorithm = "RS256" if isinstance(chosen, RSAKey) else "ES256"
        head = {"alg": algorithm, "kid": chosen.kid, "typ": "at+jwt", **(header or {})}
        return jwt.encode(head, claims, chosen, algorithms=[algorithm])

    def seen(self, path):
        """The forms of requests at a path; an empty one for those without."""
        with self.lock:
            return [form for method, p, form in self.requests if p == path]

    # ---- the endpoints

    def handle(self, method, path, headers, body):
        parts = urlsplit(path)
        form = {k: v[0] for k, v in parse_qs(body.decode() if method == "POST" else parts.query).items()}
        with self.lock:
            self.requests.append((method, parts.path, form))
            if parts.path in self.override:
                return self.override[parts.path]
        match parts.path:
            case "/.well-known/oauth-authorization-server":
                return reply({
                    "issuer": self.issuer,
                    "jwks_uri": f"{self.url}/keys",
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "registration_endpoint": f"{self.url}/register",
                    "response_types_supported": ["code"],
                    "grant_types_supported": ["authorization_code", "refresh_token"],
                    "code_challenge_methods_supported": ["S256"],
                    "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                    **self.metadata,
                })
            case "/keys":
                return reply({"keys": [k.as_dict(private=False) for k in self.keys]})
            case "/register":
                asked = json.loads(body)
                return reply({**asked, "client_id": "app"}, 201)
            case "/authorize":
                code = secrets.token_hex(8)
                self.codes[code] = form
                query = f"code={code}&state={form['state']}&iss={self.issuer}"
                return 302, {"location": f"{form['redirect_uri']}?{query}"}, b""
            case "/token" if method == "POST":
                return self.grant(form, headers)
        return reply({"error": "not_found"}, 404)

    def client(self, form, headers):
        """The client that shows its secret, or the public one that has none."""
        kind, _, value = (headers.get("authorization") or "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(value).decode().partition(":")
            name, secret = unquote_plus(name), unquote_plus(secret)
        else:
            name, secret = form.get("client_id"), form.get("client_secret")
        return name if self.clients.get(name) == secret else None

    def grant(self, form, headers):
        client = self.client(form, headers)
        if client is None:
            return reply({"error": "invalid_client", "error_description": "CANARY of the token endpoint"}, 401)
        audience = form.get("resource") or form.get("audience") or "nobody"
        scope = form.get("scope", "")
        answer = {"token_type": "Bearer", "expires_in": self.lifetime, "scope": scope}
        match form.get("grant_type"):
            case "authorization_code":
                asked = self.codes.pop(form["code"])
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                    return reply({"error": "invalid_grant"}, 400)
                token = self.token(asked["resource"], client_id=asked["client_id"], scope=asked.get("scope", ""))
                return reply({**answer, "scope": asked.get("scope", ""), "access_token": token})
            case "client_credentials":
                return reply({**answer, "access_token": self.token(audience, sub=client, client_id=client, scope=scope)})
            case "refresh_token":
                old = form["refresh_token"]
                with self.lock:
                    if old in self.used_refresh_tokens:
                        self.refresh_tokens.clear()  # one that was stolen, or used twice: the whole family goes
                        return reply({"error": "invalid_grant"}, 400)
                    if self.refresh_tokens.pop(old, None) != client:
                        return reply({"error": "invalid_grant"}, 400)
                    self.used_refresh_tokens.add(old)
                    new = secrets.token_hex(16)
                    self.refresh_tokens[new] = client
                token = self.token(audience, sub="gateway-user", client_id=client)
                return reply({**answer, "access_token": token, "refresh_token": new})
            case "urn:ietf:params:oauth:grant-type:token-exchange":
                subject = jwt.decode(form["subject_token"], self.keys[0], algorithms=["RS256"]).claims
                token = self.token(audience, sub=subject["sub"], client_id=client, act={"sub": client})
                with self.lock:
                    self.exchanged.append((form["subject_token"], token))
                return reply({**answer, "access_token": token, "issued_token_type": ACCESS_TOKEN})
        return reply({"error": "unsupported_grant_type"}, 400)


class ToolServer(Server):
    """A tool server (2025-11-25) that takes the tokens it is told to, and writes down every request's headers."""

    def __init__(self):
        super().__init__()
        self.heard = []  # (authorization, method, name of a tool)
        self.accepts = None  # or a function of the bearer token
        self.lock = threading.Lock()

    @property
    def mcp(self):
        return f"{self.url}/mcp"

    def tokens(self):
        with self.lock:
            return [a.removeprefix("Bearer ") for a, _, _ in self.heard if a]

    def calls(self):
        with self.lock:
            return [(a, name) for a, method, name in self.heard if method == "tools/call"]

    def handle(self, method, path, headers, body):
        authorization = headers.get("authorization")
        message = json.loads(body) if body else {}
        with self.lock:
            name = message.get("params", {}).get("name")
            self.heard.append((authorization, message.get("method", method), name))
            self.everything = getattr(self, "everything", "") + str(headers) + body.decode()
        if self.accepts and not self.accepts((authorization or "").removeprefix("Bearer ")):
            return reply({"error": "invalid_token"}, 401, **{"www-authenticate": 'Bearer error="invalid_token"'})
        if method != "POST":
            return reply({}, 405)
        if "id" not in message:
            return 202, {}, b""
        schema = {"type": "object"}
        match message["method"]:
            case "initialize":
                info = {"name": "bank", "version": "1"}
                result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
            case "tools/list":
                names = ("balance", "transfer")
                result = {"tools": [{"name": n, "description": n, "inputSchema": schema} for n in names]}
            case "tools/call":
                result = {"content": [{"type": "text", "text": f"did {name}"}]}
            case _:
                error = {"code": -32601, "message": "no such method"}
                return reply({"jsonrpc": "2.0", "id": message["id"], "error": error})
        return reply({"jsonrpc": "2.0", "id": message["id"], "result": result})


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
