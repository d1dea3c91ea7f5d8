"""What an application does with the official OpenAI client. Each scenario runs direct and through Cordon.

A scenario takes a client and a model and gives plain values; it also asserts that something happened at all.
"""

import openai
from pydantic import BaseModel

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search_docs",
        "description": "Looks into the documentation",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
TWO_CALLS = 'Call tools get_weather with {"city": "Bern", "days": 2}, search_docs with {"query": "snow \\u00fc \\"x\\""}'


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
    except openai.APIStatusError as error:
        headers = {name: error.response.headers.get(name) for name in ("retry-after", "x-should-retry")}
        return {
            "class": type(error).__name__, "status": error.status_code, "type": error.type, "code": error.code,
            "param": error.param, "message": error.message, "headers": headers,
        }
    raise AssertionError("it did not fail")


def plain(client, model):
    answer = client.chat.completions.create(model=model, messages=said("What is the capital of France?"))
    assert "capital of France" in answer.choices[0].message.content
    return whole(answer)


def unicode_text(client, model):
    text = "Say exactly: \u00c4rger, \u6f22\u5b57, \U0001f600, \"quoted\", back\\slash, tab\tand\nline"
    answer = client.chat.completions.create(model=model, messages=said(text))
    assert "\U0001f600" in answer.choices[0].message.content
    return whole(answer)


def parts_and_system(client, model):
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Who are you?"}]},
    ]
    answer = client.chat.completions.create(model=model, messages=messages, user="u-1", seed=7, temperature=0.5)
    assert "Who are you?" in answer.choices[0].message.content
    return whole(answer)


def parameters(client, model):
    answer = client.chat.completions.create(
        model=model, messages=said("Hello"), temperature=0.2, top_p=0.9, presence_penalty=0.1, frequency_penalty=-0.1,
        max_completion_tokens=50, seed=42, logit_bias={"50256": -100}, metadata={"team": "blue"}, user="someone",
        reasoning_effort="low", verbosity="low",
    )
    return whole(answer)


def stop_sequences(client, model):
    answer = client.chat.completions.create(model=model, messages=said("Say exactly: one END two"), stop=["END", "###"])
    assert answer.choices[0].message.content == "one "
    return whole(answer)


def length(client, model):
    answer = client.chat.completions.create(model=model, messages=said("Say exactly: " + "long " * 50), max_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    return whole(answer)


def several_choices(client, model):
    text = "gullible:choice=1 Say exactly: only the second one says this"
    answer = client.chat.completions.create(model=model, messages=said(text), n=3)
    assert [c.index for c in answer.choices] == [0, 1, 2]
    return whole(answer)


def refusal(client, model):
    answer = client.chat.completions.create(model=model, messages=said("refuse: I would rather not."))
    assert answer.choices[0].message.refusal == "I would rather not."
    return whole(answer)


def reasoning(client, model):
    answer = client.chat.completions.create(model=model, messages=said("think: first this, then that\nand say done"))
    assert answer.choices[0].message.reasoning_content
    return whole(answer)


def tool_call(client, model):
    text = 'Call the tool get_weather with {"city": "Z\u00fcrich"}'
    answer = client.chat.completions.create(model=model, messages=said(text), tools=[WEATHER, SEARCH])
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    return whole(answer)


def parallel_tools(client, model):
    answer = client.chat.completions.create(model=model, messages=said(TWO_CALLS), tools=[WEATHER, SEARCH])
    assert [c.function.name for c in answer.choices[0].message.tool_calls] == ["get_weather", "search_docs"]
    return whole(answer)


def not_parallel(client, model):
    answer = client.chat.completions.create(
        model=model, messages=said(TWO_CALLS), tools=[WEATHER, SEARCH], parallel_tool_calls=False
    )
    assert len(answer.choices[0].message.tool_calls) == 1
    return whole(answer)


def forced_tool(client, model):
    results = []
    for choice in ("required", "none", "auto", {"type": "function", "function": {"name": "search_docs"}}):
        answer = client.chat.completions.create(
            model=model, messages=said("What is new?"), tools=[WEATHER, SEARCH], tool_choice=choice
        )
        results.append(whole(answer))
    assert results[3]["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "search_docs"
    return results


def tool_conversation(client, model):
    """The whole round: the model calls, the tool answers, the model says what it got."""
    messages = said(TWO_CALLS)
    first = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER, SEARCH])
    messages.append(first.choices[0].message.model_dump(exclude_none=True, exclude={"annotations"}))
    for call in first.choices[0].message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"})
    second = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER, SEARCH])
    assert "result of" in second.choices[0].message.content
    return [whole(first), whole(second)]


def parsed_tools(client, model):
    class Weather(BaseModel):
        """The weather in a city"""

        city: str

    tools = [openai.pydantic_function_tool(Weather, name="get_weather")]
    text = 'Call the tool get_weather with {"city": "Bern"}'
    answer = client.chat.completions.parse(model=model, messages=said(text), tools=tools)
    assert answer.choices[0].message.tool_calls[0].function.parsed_arguments.city == "Bern"
    return whole(answer)


def structured(client, model):
    answer = client.chat.completions.parse(model=model, messages=said("Invent a person"), response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)
    return whole(answer)


def json_mode(client, model):
    answer = client.chat.completions.create(
        model=model, messages=said("Invent something"), response_format={"type": "json_object"}
    )
    return whole(answer)


def raw_stream(client, model):
    chunks = list(client.chat.completions.create(model=model, messages=said("Tell me a story"), stream=True))
    assert len(chunks) > 5
    return [whole(chunk) for chunk in chunks]


def stream_with_usage(client, model):
    stream = client.chat.completions.create(
        model=model, messages=said("Say exactly: counted"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [whole(chunk) for chunk in stream]
    assert chunks[-1]["usage"]["total_tokens"] > 0 and chunks[-1]["choices"] == []
    return chunks


def stream_of_choices(client, model):
    text = "gullible:choice=1 Say exactly: only the second one says this"
    stream = client.chat.completions.create(model=model, messages=said(text), n=3, stream=True)
    return joined(stream)


def stream_reasoning_and_refusal(client, model):
    """The last words of the reasoning may come behind the first ones of the answer: it could go on at any time."""
    first = client.chat.completions.create(
        model=model, messages=said("think: first this, then that\nand say done"), stream=True
    )
    second = client.chat.completions.create(model=model, messages=said("refuse: I would rather not."), stream=True)
    choices = joined(first)
    assert choices[0]["reasoning"] == "first this, then that" and choices[0]["content"] == "done"
    return [choices, [whole(chunk) for chunk in second]]


def joined(stream):
    """What an application that adds up deltas has at the end: how texts were cut does not show."""
    choices = {}
    for chunk in stream:
        for choice in chunk.choices:
            got = choices.setdefault(choice.index, {"content": "", "refusal": "", "reasoning": "", "calls": {}})
            got["content"] += choice.delta.content or ""
            got["refusal"] += choice.delta.refusal or ""
            got["reasoning"] += getattr(choice.delta, "reasoning_content", None) or ""
            for piece in choice.delta.tool_calls or []:
                call = got["calls"].setdefault(str(piece.index), {"id": "", "name": "", "arguments": ""})
                call["id"] += piece.id or ""
                call["name"] += piece.function.name or ""
                call["arguments"] += piece.function.arguments or ""
            if choice.finish_reason:
                assert "finish" not in got, "a second finish_reason"
                got["finish"] = choice.finish_reason
    return choices


def stream_tools(client, model):
    stream = client.chat.completions.create(
        model=model, messages=said(TWO_CALLS), tools=[WEATHER, SEARCH], stream=True
    )
    choices = joined(stream)
    assert [c["name"] for c in choices[0]["calls"].values()] == ["get_weather", "search_docs"]
    assert choices[0]["finish"] == "tool_calls"
    return choices


def helper_stream(client, model):
    with client.chat.completions.stream(model=model, messages=said("Tell me a story")) as stream:
        kinds = {event.type for event in stream}
        final = whole(stream.get_final_completion())
    assert "content.done" in kinds
    return [sorted(kinds), final]


def helper_stream_tools(client, model):
    tools = [{**t, "function": {**t["function"], "strict": False}} for t in (WEATHER, SEARCH)]
    with client.chat.completions.stream(model=model, messages=said(TWO_CALLS), tools=tools) as stream:
        done = [event.model_dump() for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = whole(stream.get_final_completion())
    assert [event["name"] for event in done] == ["get_weather", "search_docs"]
    return [done, final]


def helper_stream_structured(client, model):
    with client.chat.completions.stream(
        model=model, messages=said("Invent a person"), response_format=Person
    ) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Person)
    return whole(final)


def raw_response(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=said("Hello"))
    assert raw.headers["content-type"].startswith("application/json")
    return [raw.status_code, raw.http_response.content.decode(), whole(raw.parse())]


def streaming_response(client, model):
    with client.chat.completions.with_streaming_response.create(
        model=model, messages=said("Tell me a story"), stream=True
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return [response.status_code, b"".join(response.iter_bytes()).decode()]


def many_on_one_connection(client, model):
    return [whole(client.chat.completions.create(model=model, messages=said(f"Number {i}"))) for i in range(20)]


def upstream_429(client, model):
    return failure(lambda: client.chat.completions.create(model=model, messages=said("fail with status 429")))


def upstream_500(client, model):
    return failure(lambda: client.chat.completions.create(model=model, messages=said("fail with status 500")))


def upstream_503(client, model):
    return failure(lambda: client.chat.completions.create(model=model, messages=said("fail with status 503")))


def upstream_400(client, model):
    return failure(lambda: client.chat.completions.create(model=model, messages=said("fail with status 400")))


def upstream_429_of_a_stream(client, model):
    text = "fail with status 429"
    return failure(lambda: list(client.chat.completions.create(model=model, messages=said(text), stream=True)))


ALL = [
    plain, unicode_text, parts_and_system, parameters, stop_sequences, length, several_choices, refusal, reasoning,
    tool_call, parallel_tools, not_parallel, forced_tool, tool_conversation, parsed_tools, structured, json_mode,
    raw_stream, stream_with_usage, stream_of_choices, stream_reasoning_and_refusal, stream_tools, helper_stream,
    helper_stream_tools, helper_stream_structured, raw_response, streaming_response, many_on_one_connection,
]
ERRORS = [upstream_429, upstream_500, upstream_503, upstream_400, upstream_429_of_a_stream]


async def asynchronously(client, model):
    """The asynchronous client: plain, streamed, helper, side by side."""
    import asyncio

    async def one(number):
        answer = await client.chat.completions.create(model=model, messages=said(f"Number {number}"))
        return whole(answer)

    async def streamed(number):
        stream = await client.chat.completions.create(model=model, messages=said(f"Story {number}"), stream=True)
        return [whole(chunk) async for chunk in stream]

    async def helped(number):
        async with client.chat.completions.stream(model=model, messages=said(f"Tale {number}")) as stream:
            return whole(await stream.get_final_completion())

    return await asyncio.gather(*(kind(n) for n in range(10) for kind in (one, streamed, helped)))
