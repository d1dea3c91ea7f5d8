"""The official Python clients, direct to an upstream and through Cordon: the same script, the same results.

Nothing in these scenarios has to be changed, so that every field has to be equal, ids and times too.
"""

import asyncio
import unittest

import anthropic
import httpx2
import openai

import scenarios_anthropic
import scenarios_openai
from compare import first_difference
from gateway import ANTHROPIC_MODEL, OPENAI_MODEL, Gateway, Gullible

# Every client call ends, or the test fails.
PATIENCE = 60


class Kind:
    """One official client: how it is made, what it does, and with which model."""

    def __init__(self, module, sync, not_sync, model, base):
        self.module, self.sync, self.not_sync, self.model, self.base = module, sync, not_sync, model, base

    def client(self, server, key, sync=True, **more):
        return (self.sync if sync else self.not_sync)(
            base_url=getattr(server, self.base), api_key=key, max_retries=0, timeout=PATIENCE, **more
        )


OPENAI = Kind(scenarios_openai, openai.OpenAI, openai.AsyncOpenAI, OPENAI_MODEL, "openai_base_url")
ANTHROPIC = Kind(
    scenarios_anthropic, anthropic.Anthropic, anthropic.AsyncAnthropic, ANTHROPIC_MODEL, "anthropic_base_url"
)


class Compared(unittest.TestCase):
    """Starts both ends once."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.gullible = Gullible()
        cls.addClassCleanup(cls.gullible.stop)
        cls.gateway = Gateway(upstream=cls.gullible)
        cls.addClassCleanup(cls.gateway.close_verified)

    def both(self, kind, scenario, model=None, **more):
        results = []
        for server, key in ((self.gullible, "none"), (self.gateway, self.gateway.key())):
            http = httpx2.Client(**more, timeout=PATIENCE) if more and server is self.gateway else None
            extra = {"http_client": http} if http else {}
            with kind.client(server, key, **extra) as client:
                results.append(scenario(client, model or kind.model))
        return results

    def same(self, kind, scenario, **more):
        direct, through = self.both(kind, scenario, **more)
        self.assertEqual("", first_difference(direct, through))

    def same_async(self, kind):
        async def run(server, key):
            async with kind.client(server, key, sync=False) as client:
                return await kind.module.asynchronously(client, kind.model)

        direct = asyncio.run(run(self.gullible, "none"))
        through = asyncio.run(run(self.gateway, self.gateway.key()))
        self.assertEqual("", first_difference(direct, through))


class OpenAI(Compared):
    def test_async(self):
        self.same_async(OPENAI)


class Anthropic(Compared):
    def test_async(self):
        self.same_async(ANTHROPIC)


class Http2(Compared):
    """The same over HTTP/2, which the clients' HTTP library speaks when told to (without TLS by prior knowledge)."""

    def same_over_h2(self, kind, scenario):
        self.same(kind, scenario, http2=True, http1=False)

    def test_it_is_http2(self):
        with httpx2.Client(http2=True, http1=False) as http, OPENAI.client(
            self.gateway, self.gateway.key(), http_client=http
        ) as client:
            raw = client.chat.completions.with_raw_response.create(
                model=OPENAI_MODEL, messages=scenarios_openai.said("Hello")
            )
            self.assertEqual("HTTP/2", raw.http_response.http_version)


class UpstreamErrors(Compared):
    """What an upstream refuses keeps its class, its status and when to come again. The code is Cordon's own name."""

    def compare(self, kind, scenario):
        direct, through = self.both(kind, scenario)
        for field in ("class", "status"):
            self.assertEqual(direct[field], through[field], field)
        self.assertEqual(direct["headers"]["retry-after"], through["headers"]["retry-after"])
        if kind is ANTHROPIC:
            self.assertEqual(direct["body"]["error"]["type"], through["body"]["error"]["type"])
            self.assertIn(direct["body"]["error"]["message"], through["body"]["error"]["message"])
        else:
            self.assertIn("the model was told to fail with status", through["message"])


def each(case, kind, scenarios, run):
    for scenario in scenarios:
        name = f"test_{scenario.__name__}" if case is not UpstreamErrors and case is not Http2 else (
            f"test_{kind.module.__name__.removeprefix('scenarios_')}_{scenario.__name__}"
        )
        assert not hasattr(case, name), name
        setattr(case, name, lambda self, scenario=scenario: run(self, kind, scenario))


def fill():
    for case, kind in ((OpenAI, OPENAI), (Anthropic, ANTHROPIC)):
        each(case, kind, kind.module.ALL, Compared.same)
        each(UpstreamErrors, kind, kind.module.ERRORS, UpstreamErrors.compare)
        each(Http2, kind, kind.module.ALL, Http2.same_over_h2)


fill()
