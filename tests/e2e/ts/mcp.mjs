// The official TypeScript clients at the gateway: what is listed, and one call. Prints one line of JSON.
//
//   node mcp.mjs v1|v2 URL KEY TOOL ARGUMENTS
import process from 'node:process';

const [, , which, url, key, tool, args] = process.argv;
const requestInit = { headers: { Authorization: `Bearer ${key}` } };
const about = [{ name: 'cordon-e2e', version: '1.0.0' }];

async function connected() {
  if (which === 'v1') {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const client = new Client(...about);
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
    return client;
  }
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const client = new Client(...about, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return client;
}

const client = await connected();
const { tools } = await client.listTools();
const result = await client.callTool({ name: tool, arguments: JSON.parse(args) });
const version = client.getNegotiatedProtocolVersion?.() ?? null;
console.log(JSON.stringify({ tools: tools.map((t) => t.name), result, version }));
await client.close();
