"""AgentDojo's tools as a real MCP server: the official SDK, streamable HTTP, loopback, no sessions.

What always holds: a tool's name, description and schema are AgentDojo's own, and so is the code that a call runs; every
result is one JSON value, `{"result": ...}`, as structured content and as the same JSON in text, as the specification
asks for. The environment behind the tools is exchanged by the runner, in the same process: no agent can reach that.
What it deliberately does not do: judge, or tell one caller from another.
"""

import asyncio
import contextlib
import json
import socket

import mcp_types as types
import uvicorn
from agentdojo.functions_runtime import FunctionsRuntime
from mcp.server.lowlevel import Server
from pydantic_core import to_jsonable_python


class SuiteServer:
    """One suite's tools over the environment that the runner last set."""

    def __init__(self, suite):
        self.suite = suite
        self.environment = None
        self._runtime = FunctionsRuntime(suite.tools)
        tools = [
            types.Tool(name=f.name, description=f.description, input_schema=f.parameters.model_json_schema())
            for f in suite.tools
        ]

        async def list_tools(_context, _params):
            return types.ListToolsResult(tools=tools)

        async def call_tool(_context, params):
            return self._call(params.name, params.arguments or {})

        self._server = Server(f"agentdojo-{suite.name}", on_list_tools=list_tools, on_call_tool=call_tool)

    def _call(self, name, arguments):
        result, error = self._runtime.run_function(self.environment, name, arguments)
        if error is not None:
            return types.CallToolResult(content=[types.TextContent(text=error)], is_error=True)
        structured = {"result": to_jsonable_python(result)}
        text = json.dumps(structured, ensure_ascii=False)
        return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=structured)

    @contextlib.asynccontextmanager
    async def serving(self):
        """Serves on a free port of loopback; gives the address."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        app = self._server.streamable_http_app(json_response=True, stateless_http=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on", timeout_keep_alive=600)
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # The runner's own signals stay the runner's.
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await task
