"""The client that the conformance suite drives: the gateway's way to a server, and the official client before it.

    python mcp_suite_client.py URL      with MCP_CONFORMANCE_SCENARIO and the rest in the environment

The suite's server sees what Cordon sends. What the client asks for comes from the server's own list of tools.
"""

import json
import os
import sys

from mcp_types import ElicitResult
from test_mcp import connected, gateway, manifest, run, servers


def example(schema):
    """A value that fits a schema well enough."""
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {k: example(v) for k, v in schema.get("properties", {}).items()}
    return {"string": "text", "integer": 3, "number": 5, "boolean": True, "array": [], "null": None}.get(kind)


async def a_person(context, params):
    fields = getattr(params, "requested_schema", None) or {}
    content = {k: v["default"] for k, v in fields.get("properties", {}).items() if "default" in v}
    return ElicitResult(action="accept", content=content or {"confirmed": True, "name": "ada"})


def main(url):
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "")
    mode = "2026-07-28" if version == "2026-07-28" else "legacy"

    async def do(client):
        tools = (await client.list_tools()).tools
        calls = context.get("toolCalls") or [
            {"name": t.name, "arguments": example(t.input_schema) or {}} for t in tools
        ]
        for call in calls:
            try:
                await client.call_tool(call["name"], call.get("arguments") or {})
            except Exception as refused:
                print(f"{call['name']}: {refused}", file=sys.stderr)
        for lister, getter in ((client.list_prompts, "prompt"), (client.list_resources, "resource")):
            try:
                listed = await lister()
                if getter == "prompt":
                    for prompt in listed.prompts:
                        await client.get_prompt(prompt.name, {a.name: "text" for a in prompt.arguments or []})
                else:
                    for resource in listed.resources:
                        await client.read_resource(resource.uri)
            except Exception as refused:
                print(f"{getter}: {refused}", file=sys.stderr)

    with gateway(servers(fix=url.replace("localhost", "127.0.0.1").rstrip("/")), {"tester": manifest()}) as g:
        try:
            run(connected(g, "tester", "/mcp/fix", do, mode, elicitation_callback=a_person))
        finally:
            print(g.stderr(), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
