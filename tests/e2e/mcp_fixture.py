"""A tool server on the official Python SDK with what the conformance suite asks for, in every revision.

    python mcp_fixture.py http PORT      streamable HTTP at /mcp, both lifecycles
    python mcp_fixture.py old PORT       the same, without the current lifecycle
    python mcp_fixture.py new PORT       the same, without the older ones
    python mcp_fixture.py sse PORT       the older transport at /sse
    python mcp_fixture.py stdio          one message a line

Names and answers are those that the suite's descriptions of its scenarios prescribe.
"""

import asyncio
import base64
import json
import struct
import sys
import zlib

import mcp_types as types
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.shared.exceptions import MCPError

server = MCPServer("cordon-fixture", version="1.0.0")


def png():
    """One red pixel."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    raw = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    return raw


def wav():
    """A few samples of silence."""
    data = bytes(16)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", len(data))
    return head + data


IMAGE = types.ImageContent(type="image", data=base64.b64encode(png()).decode(), mime_type="image/png")
AUDIO = types.AudioContent(type="audio", data=base64.b64encode(wav()).decode(), mime_type="audio/wav")


def text(words):
    return types.TextContent(type="text", text=words)


def embedded(uri, mime_type, words):
    contents = types.TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    return types.EmbeddedResource(type="resource", resource=contents)


def tool(function):
    """Registers a tool whose result goes out as it is."""
    return server.tool(name=function.__name__, description=function.__doc__, structured_output=False)(function)


@tool
def test_simple_text() -> str:
    """Says one sentence."""
    return "This is a simple text response for testing."


@tool
def test_image_content():
    """Gives an image."""
    return [IMAGE]


@tool
def test_audio_content():
    """Gives a sound."""
    return [AUDIO]


@tool
def test_embedded_resource():
    """Gives a resource within the result."""
    return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


@tool
def test_multiple_content_types():
    """Gives a text, an image and a resource."""
    data = json.dumps({"test": "data", "value": 123}, separators=(",", ":"))
    return [
        text("Multiple content types test:"),
        IMAGE,
        embedded("test://mixed-content-resource", "application/json", data),
    ]


@tool
async def test_tool_with_logging(ctx: Context) -> str:
    """Logs three times while it works."""
    for words in ["Tool execution started", "Tool processing data", "Tool execution completed"]:
        await ctx.info(words)
        await asyncio.sleep(0.05)
    return "Tool with logging executed successfully"


@tool
async def test_tool_with_progress(ctx: Context) -> str:
    """Tells how far it is."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await asyncio.sleep(0.05)
    return "Tool with progress executed successfully"


@tool
def test_error_handling() -> str:
    """Fails."""
    raise ValueError("This tool intentionally returns an error for testing")


@tool
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Has the client's model write something."""
    message = types.SamplingMessage(role="user", content=text(prompt))
    answer = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
    return f"LLM response: {answer.content.text}"


async def asked(ctx, message, schema):
    answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"action={answer.action}, content={json.dumps(answer.content or {})}"


def of(properties, required=None):
    return {"type": "object", "properties": properties, "required": required or []}


@tool
async def test_elicitation(message: str, ctx: Context) -> str:
    """Asks the user for a name and an address."""
    schema = of(
        {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        ["username", "email"],
    )
    return f"User response: {await asked(ctx, message, schema)}"


@tool
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Asks with a default for each kind of field."""
    schema = of(
        {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
        }
    )
    return f"Elicitation completed: {await asked(ctx, 'Please review', schema)}"


@tool
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Asks with every form of choice."""
    titled = [
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]
    choices = [
        {"const": "value1", "title": "First Choice"},
        {"const": "value2", "title": "Second Choice"},
        {"const": "value3", "title": "Third Choice"},
    ]
    plain = ["option1", "option2", "option3"]
    schema = of(
        {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": choices}},
        }
    )
    return f"Elicitation completed: {await asked(ctx, 'Please choose', schema)}"


@tool
async def test_reconnection(ctx: Context) -> str:
    """Closes its stream in the middle, so that the client has to come back."""
    await ctx.close_sse_stream()
    await asyncio.sleep(0.3)
    return "Reconnection test completed successfully"


# Rounds of input (2026-07-28).


def form(message, properties, required):
    params = types.ElicitRequestFormParams(message=message, requested_schema=of(properties, required))
    return types.ElicitRequest(params=params)


def need(requests=None, state=None):
    return types.InputRequiredResult(input_requests=requests, request_state=state)


def answered(ctx, key):
    """The content of an accepted answer under that key; nothing when it is not there or not what was asked for."""
    answer = (ctx.input_responses or {}).get(key)
    content = getattr(answer, "content", None)
    return content if getattr(answer, "action", None) == "accept" and isinstance(content, dict) else None


NAME = {"name": {"type": "string"}}
OK = {"ok": {"type": "boolean"}}


@tool
async def test_input_required_result_elicitation(ctx: Context):
    """Needs a name."""
    content = answered(ctx, "user_name")
    if not content or not isinstance(content.get("name"), str):
        return need({"user_name": form("What is your name?", NAME, ["name"])})
    return [text(f"Hello, {content['name']}!")]


def sampling(words, tokens):
    params = types.CreateMessageRequestParams(
        messages=[types.SamplingMessage(role="user", content=text(words))], max_tokens=tokens
    )
    return types.CreateMessageRequest(params=params)


@tool
async def test_input_required_result_sampling(ctx: Context):
    """Needs a sentence of the client's model."""
    answer = (ctx.input_responses or {}).get("capital_question")
    if answer is None:
        return need({"capital_question": sampling("What is the capital of France?", 100)})
    return [text(f"The model said: {answer.content.text}")]


@tool
async def test_input_required_result_list_roots(ctx: Context):
    """Needs the client's directories."""
    answer = (ctx.input_responses or {}).get("client_roots")
    if answer is None:
        return need({"client_roots": types.ListRootsRequest()})
    return [text(f"Roots: {', '.join(str(root.uri) for root in answer.roots)}")]


@tool
async def test_input_required_result_request_state(ctx: Context):
    """Needs a confirmation, and its own state back."""
    if ctx.request_state != "round-1" or answered(ctx, "confirm") is None:
        return need({"confirm": form("Please confirm", OK, ["ok"])}, "round-1")
    return [text("state-ok")]


@tool
async def test_input_required_result_multiple_inputs(ctx: Context):
    """Needs three things at once."""
    answers = ctx.input_responses or {}
    wanted = {
        "user_name": form("What is your name?", NAME, ["name"]),
        "greeting": sampling("Generate a greeting", 50),
        "client_roots": types.ListRootsRequest(),
    }
    if any(key not in answers for key in wanted):
        return need(wanted, "all-three")
    return [text(f"All inputs: {answers['user_name'].content['name']}")]


@tool
async def test_input_required_result_multi_round(ctx: Context):
    """Needs two things, one after the other."""
    if ctx.request_state == "step-2" and (color := answered(ctx, "step2")):
        return [text(f"Done: {color['color']}")]
    if ctx.request_state == "step-1" and answered(ctx, "step1"):
        color = {"color": {"type": "string"}}
        return need({"step2": form("Step 2: What is your favorite color?", color, ["color"])}, "step-2")
    return need({"step1": form("Step 1: What is your name?", NAME, ["name"])}, "step-1")


@tool
async def test_input_required_result_tampered_state(ctx: Context):
    """Needs a confirmation, and refuses a state that was changed: the SDK seals it."""
    if answered(ctx, "confirm") is None:
        return need({"confirm": form("Please confirm", OK, ["ok"])}, "sealed")
    return [text("state-ok")]


@tool
async def test_input_required_result_capabilities(ctx: Context):
    """Asks only for what the client says that it can do."""
    can = ctx.client_capabilities
    requests = {}
    if can and can.elicitation is not None:
        requests["user_name"] = form("What is your name?", NAME, ["name"])
    if can and can.sampling is not None:
        requests["greeting"] = sampling("Generate a greeting", 50)
    if can and can.roots is not None:
        requests["client_roots"] = types.ListRootsRequest()
    if not requests or ctx.input_responses:
        return [text("Nothing more is needed")]
    return need(requests)


# Diagnostics of requests that stand alone (2026-07-28).


@tool
async def test_missing_capability(ctx: Context) -> str:
    """Needs a client that can sample."""
    can = ctx.client_capabilities
    if can is None or can.sampling is None:
        data = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(code=-32021, message="The client cannot sample", data=data)
    return "The client can sample"


@tool
async def test_streaming_elicitation(ctx: Context):
    """Tells how far it is, and needs an answer."""
    await ctx.report_progress(1, 2)
    content = answered(ctx, "user_name")
    if not content:
        return need({"user_name": form("What is your name?", NAME, ["name"])})
    return [text(f"Hello, {content['name']}!")]


@tool
async def test_logging_tool(ctx: Context) -> str:
    """Logs where that is wanted."""
    await ctx.info("A word for the log")
    return "Logged"


@tool
def test_custom_headers(region: str, count: int = 0, verbose: bool = False) -> str:
    """Has its arguments repeated in headers."""
    return f"region={region}, count={count}, verbose={verbose}"


for argument, header in {"region": "Region", "count": "Count", "verbose": "Verbose"}.items():
    server._tool_manager.get_tool("test_custom_headers").parameters["properties"][argument]["x-mcp-header"] = header


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@tool
def json_schema_2020_12_tool(name: str = "") -> str:
    """Tool with JSON Schema 2020-12 features"""
    return f"JSON Schema 2020-12 tool called with: {name}"


server._tool_manager.get_tool("json_schema_2020_12_tool").parameters = SCHEMA


# Resources and prompts.


@server.resource("test://static-text", name="Static Text Resource", description="A text", mime_type="text/plain")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://static-binary", name="Static Binary Resource", description="An image", mime_type="image/png")
def static_binary() -> bytes:
    return png()


@server.resource("test://watched-resource", name="Watched", description="It may change", mime_type="text/plain")
def watched() -> str:
    return "Watched resource content"


@server.resource("test://template/{id}/data", name="Template", description="One a number", mime_type="application/json")
def template(id: str) -> str:
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"}, separators=(",", ":"))


@server.prompt(description="One sentence")
def test_simple_prompt() -> str:
    return "This is a simple prompt for testing."


@server.prompt(description="Two arguments")
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def said(content):
    return {"role": "user", "content": content}


@server.prompt(description="A resource within")
def test_prompt_with_embedded_resource(resourceUri: str) -> list:
    return [
        said(embedded(resourceUri, "text/plain", "Embedded resource content for testing.")),
        said(text("Please process the embedded resource above.")),
    ]


@server.prompt(description="An image within")
def test_prompt_with_image() -> list:
    return [said(IMAGE), said(text("Please analyze the image above."))]


@server.prompt(description="It needs to know more")
async def test_input_required_result_prompt(ctx: Context):
    content = answered(ctx, "user_context")
    if not content:
        context = {"context": {"type": "string"}}
        return need({"user_context": form("What context should the prompt use?", context, ["context"])})
    return f"Use this context: {content['context']}"


@server.completion()
async def complete(ref, argument, context):
    return types.Completion(values=[w for w in ["paris", "park", "party"] if w.startswith(argument.value)], has_more=False)


async def nothing(ctx, params):
    return types.EmptyResult()


low = server._lowlevel_server
low.add_request_handler("resources/subscribe", types.SubscribeRequestParams, nothing)
low.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, nothing)
low.add_request_handler("logging/setLevel", types.SetLevelRequestParams, nothing)


class Events(EventStore):
    """What was sent, in memory: for clients that come back."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id, send_callback):
        at = int(last_event_id)
        stream = self.events[at - 1][0]
        for number, (of_stream, message) in enumerate(self.events[at:], at + 1):
            if of_stream == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def of_one_life(app, new):
    """The server as if it had only one lifecycle: requests of the other are refused."""

    async def serve(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        version = dict(scope["headers"]).get(b"mcp-protocol-version", b"")
        if (version == b"2026-07-28") == new:
            return await app(scope, receive, send)
        refused = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "not spoken here"}}
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 400, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(refused).encode()})

    return serve


def main(how, port=None):
    if how == "stdio":
        server.run("stdio")
    elif how in ("old", "new"):
        app = server.streamable_http_app(event_store=Events(), retry_interval=100)
        uvicorn.run(of_one_life(app, how == "new"), host="127.0.0.1", port=int(port), log_level="warning")
    elif how == "sse":
        server.run("sse", host="127.0.0.1", port=int(port))
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(port), event_store=Events(), retry_interval=100)


if __name__ == "__main__":
    main(*sys.argv[1:])
