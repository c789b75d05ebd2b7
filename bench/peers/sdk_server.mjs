// The tool `add` on the MCP TypeScript SDK, at its best: no sessions, JSON answers, express in production mode.
//
// Usage: node sdk_server.mjs PORT [ISSUER]
//
// With ISSUER every call needs a token of that issuer with the scope add:read: the SDK's own middleware asks for
// it, and jose, whose key set is kept in memory, verifies it.
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';

const [port, issuer] = process.argv.slice(2);

const tool = {
  description: 'Adds two numbers.',
  inputSchema: { a: z.number().int(), b: z.number().int() },
  outputSchema: { sum: z.number().int() },
  annotations: { readOnlyHint: true },
};

// A server without sessions is made for each request: the SDK lets no transport answer two.
async function answer(request, response) {
  const server = new McpServer({ name: 'add', version: '1.0.0' });
  server.registerTool('add', tool, ({ a, b }) => {
    const result = { sum: a + b };
    return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
  });
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  response.on('close', () => {
    transport.close();
    server.close();
  });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
}

const app = express();
app.disable('x-powered-by');
app.disable('etag');
if (issuer) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const rules = { issuer, audience: `http://localhost:${port}/mcp`, algorithms: ['RS256'], typ: 'at+jwt' };
  const verifyAccessToken = async (token) => {
    const { payload } = await jwtVerify(token, keys, rules);
    return { token, clientId: payload.client_id, scopes: payload.scope.split(' '), expiresAt: payload.exp };
  };
  app.use(requireBearerAuth({ verifier: { verifyAccessToken }, requiredScopes: ['add:read'] }));
}
app.use(express.json());
app.post('/mcp', answer);
app.listen(Number(port), '127.0.0.1');
