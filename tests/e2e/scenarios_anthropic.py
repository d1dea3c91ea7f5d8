"""What an application does with the official Anthropic client. Each scenario runs direct and through Cordon.

A scenario takes a client and a model and gives plain values; it also asserts that something happened at all.
"""

import anthropic
from pydantic import BaseModel

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
SEARCH = {
    "name": "search_docs",
    "description": "Looks into the documentation",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}
TWO_CALLS = 'Call tools get_weather with {"city": "Bern", "days": 2}, search_docs with {"query": "snow \\u00fc \\"x\\""}'
THINKING = {"type": "enabled", "budget_tokens": 1024}
MOST = 2000


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


def said(*texts):
    """Messages: user, assistant, user, ..."""
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def whole(answer):
    """All fields, unknown ones too, and none of the client's own."""
    return answer.model_dump(mode="json", warnings=False)


def failure(call):
    """How the client names what went wrong: its class, and all that a caller may act on."""
    try:
        call()
    except anthropic.APIStatusError as error:
        headers = {name: error.response.headers.get(name) for name in ("retry-after", "x-should-retry")}
        body = {**error.body, "request_id": None} if isinstance(error.body, dict) else error.body
        return {"class": type(error).__name__, "status": error.status_code, "body": body, "headers": headers}
    raise AssertionError("it did not fail")


def plain(client, model):
    answer = client.messages.create(model=model, max_tokens=MOST, messages=said("What is the capital of France?"))
    assert "capital of France" in answer.content[0].text
    return whole(answer)


def unicode_text(client, model):
    text = "Say exactly: \u00c4rger, \u6f22\u5b57, \U0001f600, \"quoted\", back\\slash, tab\tand\nline"
    answer = client.messages.create(model=model, max_tokens=MOST, messages=said(text))
    assert "\U0001f600" in answer.content[0].text
    return whole(answer)


def system_and_blocks(client, model):
    results = []
    for system in ("Be short.", [{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}]):
        answer = client.messages.create(
            model=model, max_tokens=MOST, system=system, metadata={"user_id": "u-1"},
            messages=[{"role": "user", "content": [{"type": "text", "text": "Who are you?"}]}],
        )
        assert "Who are you?" in answer.content[0].text
        results.append(whole(answer))
    return results


def parameters(client, model):
    answer = client.messages.create(
        model=model, max_tokens=50, messages=said("Hello", "Hi.", "How are you?"),
    )
    return whole(answer)


def stop_sequences(client, model):
    answer = client.messages.create(
        model=model, max_tokens=MOST, messages=said("Say exactly: one END two"), stop_sequences=["END"]
    )
    assert answer.stop_reason == "stop_sequence" and answer.stop_sequence == "END"
    return whole(answer)


def length(client, model):
    answer = client.messages.create(model=model, max_tokens=5, messages=said("Say exactly: " + "long " * 50))
    assert answer.stop_reason == "max_tokens"
    return whole(answer)


def refusal(client, model):
    answer = client.messages.create(model=model, max_tokens=MOST, messages=said("refuse: I would rather not."))
    assert answer.stop_reason == "refusal"
    return whole(answer)


def tool_call(client, model):
    text = 'Call the tool get_weather with {"city": "Z\u00fcrich"}'
    answer = client.messages.create(model=model, max_tokens=MOST, messages=said(text), tools=[WEATHER, SEARCH])
    assert answer.content[0].input == {"city": "Z\u00fcrich"} and answer.stop_reason == "tool_use"
    return whole(answer)


def parallel_tools(client, model):
    answer = client.messages.create(model=model, max_tokens=MOST, messages=said(TWO_CALLS), tools=[WEATHER, SEARCH])
    assert [block.name for block in answer.content] == ["get_weather", "search_docs"]
    return whole(answer)


def forced_tool(client, model):
    results = []
    for choice in (
        {"type": "any"}, {"type": "none"}, {"type": "auto", "disable_parallel_tool_use": True},
        {"type": "tool", "name": "search_docs"},
    ):
        answer = client.messages.create(
            model=model, max_tokens=MOST, messages=said(TWO_CALLS), tools=[WEATHER, SEARCH], tool_choice=choice
        )
        results.append(whole(answer))
    return results


def tool_conversation(client, model):
    """The whole round: the model calls, the tool answers, the model says what it got."""
    messages = said(TWO_CALLS)
    first = client.messages.create(model=model, max_tokens=MOST, messages=messages, tools=[WEATHER, SEARCH])
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]})
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "text", "text": f"result {i}"}]}
        for i, block in enumerate(first.content)
    ]
    messages.append({"role": "user", "content": results})
    second = client.messages.create(model=model, max_tokens=MOST, messages=messages, tools=[WEATHER, SEARCH])
    assert "result" in second.content[0].text
    return [whole(first), whole(second)]


def thinking_conversation(client, model):
    """A signed thinking block goes back to the provider that signed it."""
    messages = said('think: I should look it up\nCall the tool get_weather with {"city": "Bern"}')
    rest = {"model": model, "max_tokens": MOST, "tools": [WEATHER, SEARCH], "thinking": THINKING}
    first = client.messages.create(messages=messages, **rest)
    assert [block.type for block in first.content] == ["thinking", "tool_use"] and first.content[0].signature
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]})
    results = [{"type": "tool_result", "tool_use_id": first.content[1].id, "content": "sunny"}]
    messages.append({"role": "user", "content": results})
    second = client.messages.create(messages=messages, **rest)
    return [whole(first), whole(second)]


def structured(client, model):
    answer = client.messages.parse(
        model=model, max_tokens=MOST, messages=said("Invent a person"), output_format=Person
    )
    assert isinstance(answer.parsed_output, Person)
    return whole(answer)


def raw_stream(client, model):
    events = list(client.messages.create(model=model, max_tokens=MOST, messages=said("Tell me a story"), stream=True))
    assert events[0].type == "message_start" and events[-1].type == "message_stop" and len(events) > 5
    return [whole(event) for event in events]


def raw_stream_thinking(client, model):
    events = list(
        client.messages.create(
            model=model, max_tokens=MOST, messages=said("think: a\nand say b"), stream=True, thinking=THINKING
        )
    )
    assert any(event.type == "content_block_delta" and event.delta.type == "signature_delta" for event in events)
    return [whole(event) for event in events]


def helper_stream(client, model):
    with client.messages.stream(model=model, max_tokens=MOST, messages=said("Tell me a story")) as stream:
        text = "".join(stream.text_stream)
        final = whole(stream.get_final_message())
    assert text == final["content"][0]["text"]
    return final


def helper_stream_tools(client, model):
    with client.messages.stream(
        model=model, max_tokens=MOST, messages=said("think: two at once\n" + TWO_CALLS), tools=[WEATHER, SEARCH],
        thinking=THINKING,
    ) as stream:
        kinds = sorted({event.type for event in stream})
        final = whole(stream.get_final_message())
    assert [block["type"] for block in final["content"]] == ["thinking", "tool_use", "tool_use"]
    assert final["content"][1]["input"] == {"city": "Bern", "days": 2}
    return [kinds, final]


def helper_stream_structured(client, model):
    with client.messages.stream(
        model=model, max_tokens=MOST, messages=said("Invent a person"), output_format=Person
    ) as stream:
        final = stream.get_final_message()
    assert isinstance(final.parsed_output, Person)
    return whole(final)


def count_tokens(client, model):
    answer = client.messages.count_tokens(
        model=model, system="Be short.", messages=said("How long is this?"), tools=[WEATHER, SEARCH]
    )
    assert answer.input_tokens > 0
    return whole(answer)


def raw_response(client, model):
    raw = client.messages.with_raw_response.create(model=model, max_tokens=MOST, messages=said("Hello"))
    return [raw.status_code, raw.http_response.content.decode(), whole(raw.parse())]


def streaming_response(client, model):
    with client.messages.with_streaming_response.create(
        model=model, max_tokens=MOST, messages=said("Tell me a story"), stream=True
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return [response.status_code, b"".join(response.iter_bytes()).decode()]


def many_on_one_connection(client, model):
    return [
        whole(client.messages.create(model=model, max_tokens=MOST, messages=said(f"Number {i}"))) for i in range(20)
    ]


def failing(status, **more):
    def scenario(client, model):
        messages = said(f"fail with status {status}")
        return failure(lambda: client.messages.create(model=model, max_tokens=MOST, messages=messages, **more))

    scenario.__name__ = f"upstream_{status}" + ("_of_a_stream" if more else "")
    return scenario


ALL = [
    plain, unicode_text, system_and_blocks, parameters, stop_sequences, length, refusal, tool_call, parallel_tools,
    forced_tool, tool_conversation, thinking_conversation, structured, raw_stream, raw_stream_thinking, helper_stream,
    helper_stream_tools, helper_stream_structured, count_tokens, raw_response, streaming_response,
    many_on_one_connection,
]
ERRORS = [failing(429), failing(500), failing(529), failing(400), failing(429, stream=True)]


async def asynchronously(client, model):
    """The asynchronous client: plain, streamed, helper, side by side."""
    import asyncio

    async def one(number):
        return whole(await client.messages.create(model=model, max_tokens=MOST, messages=said(f"Number {number}")))

    async def streamed(number):
        messages = said(f"Story {number}")
        stream = await client.messages.create(model=model, max_tokens=MOST, messages=messages, stream=True)
        return [whole(event) async for event in stream]

    async def helped(number):
        async with client.messages.stream(model=model, max_tokens=MOST, messages=said(f"Tale {number}")) as stream:
            return whole(await stream.get_final_message())

    return await asyncio.gather(*(kind(n) for n in range(10) for kind in (one, streamed, helped)))
