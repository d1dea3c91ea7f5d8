"""HTTP that two readers could read differently, and HTTP/2 used as a weapon. Whatever stands in one request's bytes is
never taken for a second one; a refused connection ends cleanly; and a caller beside notices nothing.
"""

import time
import unittest

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from bad_input import Abused, limited
from gateway import Gateway, after_section
from rawhttp import CHAT, MESSAGES, Wire, ask, chat, message, request

BODY = chat("hi")
CHUNKED = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
# What is smuggled: it would be answered 200, without a credential.
HIDDEN = b"GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n"


class Smuggling(Abused):
    """Framing that is ambiguous."""

    def lines(self, *more, path=CHAT, method="POST", host="host: gateway"):
        """A head of exactly these lines."""
        auth = f"authorization: Bearer {self.key}"
        text = [f"{method} {path} HTTP/1.1", host, auth, "content-type: application/json", *more, "", ""]
        return "\r\n".join(line for line in text if line is not None).encode("latin-1")

    def answers(self, data):
        with Wire(self.url) as wire:
            wire.send(data)
            return wire.answers_until_closed()

    def test_refused_or_closed(self):
        size = len(BODY)
        rows = {
            "two lengths": self.lines(f"content-length: {size}", "content-length: 0") + BODY,
            "two lengths in one": self.lines(f"content-length: {size}, 0") + BODY,
            "a length behind a space": self.lines(f"content-length : {size}") + BODY,
            "chunked in disguise": self.lines("transfer-encoding: xchunked") + CHUNKED,
            "chunked twice": self.lines("transfer-encoding: chunked, chunked") + CHUNKED,
            "chunked, then something": self.lines("transfer-encoding: chunked, identity") + CHUNKED,
            "identity": self.lines("transfer-encoding: identity", f"content-length: {size}") + BODY,
            "gzip, chunked": self.lines("transfer-encoding: gzip, chunked") + CHUNKED,
            "a tab in chunked": self.lines("transfer-encoding:\tchunked\x0b") + CHUNKED,
            "quoted chunked": self.lines('transfer-encoding: "chunked"') + CHUNKED,
            "chunked behind a space": self.lines("transfer-encoding : chunked") + CHUNKED,
            "a folded line": self.lines("x-a: b", f" content-length: {size}") + BODY,
            "chunked on a folded line": self.lines("transfer-encoding:", " chunked") + CHUNKED,
            "a NUL in a header": self.lines("x-a: b\0c", f"content-length: {size}") + BODY,
            "a return in a header": self.lines("x-a: b\rc: d", f"content-length: {size}") + BODY,
            "no colon": self.lines("x-a", f"content-length: {size}") + BODY,
            "a header without a name": self.lines(": x", f"content-length: {size}") + BODY,
            "a chunk's size signed": self.lines("transfer-encoding: chunked") + b"+" + CHUNKED,
            "a chunk's size 0x": self.lines("transfer-encoding: chunked") + b"0x" + CHUNKED,
            "a chunk's size overflowing": self.lines("transfer-encoding: chunked") + b"f" * 17 + b"\r\n" + BODY,
            "a chunk without an end": self.lines("transfer-encoding: chunked") + CHUNKED.replace(BODY + b"\r\n", BODY),
            "no host": self.lines(f"content-length: {size}", host=None) + BODY,
            "two hosts": self.lines("host: other", f"content-length: {size}") + BODY,
            "target and host differ": self.lines(f"content-length: {size}", path="http://other" + CHAT) + BODY,
            "version 0.9": f"GET {CHAT}\r\n\r\n".encode(),
            "version 1.2": self.lines(f"content-length: {size}").replace(b"1.1", b"1.2", 1) + BODY,
            "version 2.0": self.lines(f"content-length: {size}").replace(b"1.1", b"2.0", 1) + BODY,
            "blanks in the request line": self.lines(f"content-length: {size}").replace(b" HTTP", b"  HTTP", 1) + BODY,
            "TLS on plain": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"a" * 500,
            "nonsense": b"\0\xff\xfe" * 100,
            "an SMTP talk": b"EHLO x\r\nMAIL FROM:<a@b>\r\n\r\n",
        }
        for name, data in rows.items():
            # With and without a request behind it that one might take for the next.
            for behind in (b"", HIDDEN):
                with self.subTest(name, behind=bool(behind)):
                    found = self.answers(data + behind)
                    self.assertLessEqual(len(found), 1, [a.body for a in found])
                    for answer in found:
                        self.assertIn(answer.status, (400, 404, 405, 408, 413, 415, 431, 501, 505), answer.body)

    def test_read_in_one_way_only(self):
        """What RFC 9112 lets a server read, read as it says, and the connection not used again where it says so."""
        rows = {
            # Section 6.1: chunked overrides a length, and the connection closes.
            "length and chunked": (self.lines("content-length: 4", "transfer-encoding: chunked") + CHUNKED, 1),
            "chunked and length": (self.lines("transfer-encoding: chunked", f"content-length: {len(BODY)}") + CHUNKED, 1),
            # Section 7.1.1: extensions that are not known are ignored.
            "a chunk's extension": (self.lines("transfer-encoding: chunked") + CHUNKED.replace(b"\r\n", b";a=b\r\n", 1), 2),
            "trailers": (self.lines("transfer-encoding: chunked") + CHUNKED[:-2] + b"x-trailer: 1\r\nauthorization: x\r\n\r\n", 2),
            # Section 2.2: a bare line feed may end a line; it never starts another request.
            "bare line feeds": (self.lines(f"content-length: {len(BODY)}").replace(b"\r\n", b"\n") + BODY, 2),
            "an empty line before": (b"\r\n" + self.lines(f"content-length: {len(BODY)}") + BODY, 2),
            "the same length twice": (self.lines(f"content-length: {len(BODY)}", f"content-length: {len(BODY)}") + BODY, 2),
            "a whole URI": (self.lines(f"content-length: {len(BODY)}", path="http://gateway" + CHAT) + BODY, 2),
        }
        for name, (data, most) in rows.items():
            with self.subTest(name):
                found = self.answers(data + HIDDEN)
                self.assertGreaterEqual(len(found), 1)
                self.assertLessEqual(len(found), most, [a.body for a in found])
                self.assertIn(found[0].status, (200, 400), found[0].body)
                if found[0].status == 200:
                    self.assertIn(b"chat.completion", found[0].body)

    def test_hidden_in_a_body(self):
        """A body that reads like a request is a body."""
        found = self.answers(request(CHAT, self.key, HIDDEN, content_length=len(HIDDEN)))
        self.assertEqual([a.status for a in found], [400])
        found = self.answers(self.lines("transfer-encoding: chunked") + b"0\r\n\r\n" + b"x" * 20 + HIDDEN)
        self.assertEqual([a.status for a in found][:1], [400])
        self.assertNotIn(b"ok\n", [a.body for a in found])

    def test_line_ends_in_values_reach_nobody(self):
        for name in ("x-cordon-user", "anthropic-beta", "authorization", "x-api-key"):
            with self.subTest(name):
                found = self.answers(request(CHAT, self.key, BODY, **{name: "a\r\n\r\n" + HIDDEN.decode()}))
                self.assertTrue(all(a.status >= 400 or a.body == b"ok\n" for a in found), [a.body for a in found])

    def test_pipelining(self):
        one, two = request(CHAT, self.key, chat("first one")), request(MESSAGES, self.key, message("second one"))
        with Wire(self.url) as wire:
            wire.send(one + two + request("/none", self.key, b"") + HIDDEN)
            self.assertIn(b"first one", wire.answer().body)
            self.assertIn(b"second one", wire.answer().body)
            self.assertEqual(wire.answer().status, 404)
            self.assertEqual(wire.answer().body, b"ok\n")
        with self.subTest("a good one is answered whatever comes behind it"):
            found = self.answers(one + b"\0\0garbage\r\n\r\n")
            self.assertEqual(found[0].status, 200)
            self.assertIn([a.status for a in found[1:]], ([], [400]))
        with self.subTest("many"), Wire(self.url) as wire:
            wire.send(one * 200)
            for _ in range(200):
                self.assertIn(b"first one", wire.answer().body)

    def test_each_request_needs_its_own_credential(self):
        with Wire(self.url) as wire:
            wire.send(request(CHAT, self.key, BODY))
            self.assertEqual(wire.answer().status, 200)
            wire.send(request(CHAT, None, BODY))
            self.assertEqual(wire.answer().status, 401)

    def test_upgrades_are_not_taken(self):
        for protocol in ("websocket", "h2c", "TLS/1.3"):
            with self.subTest(protocol):
                upgrade = {"connection": "upgrade", "upgrade": protocol, "http2_settings": "AAMAAABkAAQAAP__"}
                answer = ask(self.url, CHAT, self.key, BODY, **upgrade)
                self.assertNotEqual(answer.status, 101)


class Hosts(unittest.TestCase):
    """`listen.trusted_hosts`."""

    def test_only_the_operators_names(self):
        names = 'trusted_hosts = ["api.example.com", "[::1]"]'
        with Gateway(config=lambda t: after_section(limited(t), "[listen]", names)) as gateway:
            url, key = gateway.anthropic_base_url, gateway.key()
            rows = [
                ("api.example.com", 200), ("API.example.com", 200), ("api.example.com:8480", 200), ("[::1]:8480", 200),
                ("example.com", 421), ("x.api.example.com", 421), ("api.example.com.", 421), ("127.0.0.1", 421),
                ("", 421), ("api.example.com:x", 421), ("api.example.com@evil", 421), ("evil:api.example.com", 421),
            ]
            for host, status in rows:
                with self.subTest(host):
                    answer = ask(url, CHAT, key, BODY, host=host)
                    self.assertEqual(answer.status, status, answer.body)
            self.assertEqual(ask(url, "/healthz", method="GET", host="probe").status, 200)
            for authority, status in (("api.example.com", b"200"), ("other", b"421")):
                with Two(url) as two:
                    self.assertEqual(two.ask(CHAT, key, BODY, authority=authority)[0], status)


class Two:
    """One HTTP/2 connection, with prior knowledge or over TLS."""

    def __init__(self, url, tls=None):
        if tls:
            tls.set_alpn_protocols(["h2"])
        self.wire = Wire(url, tls)
        # What goes out is ours to get wrong.
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True, header_encoding=None,
                validate_outbound_headers=False, normalize_outbound_headers=False,
            )
        )
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.socket.close()

    def flush(self):
        return self.wire.send(self.h2.data_to_send())

    def open(self, path, key=None, method="POST", authority="gateway", end=False, more=()):
        stream = self.h2.get_next_available_stream_id()
        lines = [(":method", method), (":path", path), (":scheme", "http"), (":authority", authority)]
        lines += [("authorization", f"Bearer {key}")] if key else []
        self.h2.send_headers(stream, [*lines, ("content-type", "application/json"), *more], end_stream=end)
        return stream

    def events(self):
        """What comes, until the connection ends."""
        while data := self.wire.more():
            try:
                yield from self.h2.receive_data(data)
            except h2.exceptions.ProtocolError:
                return
            self.flush()

    def finish(self, stream):
        """Status and body of a stream; the status is None if it was reset or the connection ended."""
        status, body = None, b""
        for event in self.events():
            if isinstance(event, h2.events.ConnectionTerminated):
                return status, body
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers)[b":status"]
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                self.flush()
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                return status, body
        return status, body

    def ask(self, path, key, body, **more):
        stream = self.open(path, key, **more)
        self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return self.finish(stream)

    def closed(self):
        """Whether the other side ends it. What it says until then is of no interest."""
        for event in self.events():
            if isinstance(event, h2.events.ConnectionTerminated):
                return True
        return True


class HttpTwo(Abused):
    """HTTP/2."""

    def test_it_serves(self):
        with Two(self.url) as two:
            for path, body in ((CHAT, BODY), (MESSAGES, message("hi"))):
                status, text = two.ask(path, self.key, body)
                self.assertEqual(status, b"200", text)
            self.assertEqual(two.ask(CHAT, None, BODY)[0], b"401")
            self.assertEqual(two.ask(CHAT, self.key, b"{")[0], b"400")
            self.assertEqual(two.ask(CHAT, self.key, BODY)[0], b"200")

    def test_rapid_reset(self):
        """CVE-2023-44487: streams opened and reset at once."""
        with Two(self.url) as two:
            try:
                for _ in range(5000):
                    stream = two.open(CHAT, self.key, end=True)
                    two.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                    if not two.flush():
                        break
            except h2.exceptions.ProtocolError:
                pass
            self.assertTrue(two.closed(), "the connection lives on")

    def test_more_streams_than_are_taken(self):
        with Two(self.url) as two:
            # The limit is known when the settings have come.
            for event in two.events():
                if isinstance(event, h2.events.RemoteSettingsChanged):
                    break
            most = two.h2.remote_settings.max_concurrent_streams
            self.assertEqual(most, 128)

    def test_headers_over_the_limit(self):
        with Two(self.url) as two:
            stream = two.open(CHAT, self.key, end=True, more=[(f"x-{i}", "a" * 1000) for i in range(40)])
            two.flush()
            status, _ = two.finish(stream)
            self.assertIn(status, (b"431", None))

    def test_headers_that_never_end(self):
        """CVE-2024-27316 and its kin: CONTINUATION without END_HEADERS."""
        with Two(self.url) as two:
            two.flush()
            frame = lambda kind, payload: len(payload).to_bytes(3, "big") + bytes([kind, 0]) + (1).to_bytes(4, "big") + payload
            two.wire.send(frame(1, b"\x82"))
            sent = 0
            while sent < 2000 and two.wire.send(frame(9, b"\x00\x01a\x7f\x80\x7d" + b"b" * 252)):
                sent += 1
                if sent % 200 == 0:
                    time.sleep(0.01)
            self.assertTrue(two.closed())

    def test_pseudo_headers_and_connection_headers(self):
        rows = [
            [("connection", "close")], [("transfer-encoding", "chunked")], [("keep-alive", "1")],
            [("upgrade", "h2c")], [("te", "gzip")], [(":path", "/other")], [(":status", "200")], [("X-Upper", "1")],
            [("content-length", "5")], [("host", "other")], [("content-length", str(len(BODY))), ("content-length", "1")],
        ]
        for more in rows:
            with self.subTest(more), Two(self.url) as two:
                status, body = two.ask(CHAT, self.key, BODY, more=more)
                self.assertIn(status, (None, b"400"), body)

    def test_a_window_that_never_opens(self):
        """A caller that asks for much and takes nothing is let go."""
        with Two(self.url) as two:
            two.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
            for _ in range(20):
                two.h2.send_data(two.open(CHAT, self.key), chat("Say exactly: " + "word " * 100, stream=True), end_stream=True)
            two.flush()
            self.assertTrue(two.closed())

    def test_a_connection_without_requests_ends(self):
        for begin in (b"", b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.subTest(begin), Wire(self.url) as wire:
                wire.send(begin)
                wire.rest()
        with self.subTest("after its settings"), Two(self.url) as two:
            self.assertTrue(two.closed())

    def test_floods(self):
        settings = b"\0\0\0\x04\0\0\0\0\0"
        ping = b"\0\0\x08\x06\0\0\0\0\0" + b"p" * 8
        for name, frame in (("settings", settings), ("ping", ping), ("priority", b"\0\0\x05\x02\0\0\0\0\x01\0\0\0\0\x10")):
            with self.subTest(name), Two(self.url) as two:
                # Nothing is read meanwhile: what is owed must not pile up without end.
                two.wire.socket.settimeout(5)
                try:
                    for _ in range(300):
                        if not two.wire.send(frame * 500):
                            break
                except TimeoutError:
                    pass


if __name__ == "__main__":
    unittest.main()
