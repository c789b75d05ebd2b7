// The same as client_credentials.mjs with the first generation of the TypeScript SDK, which knows the handshake
// only.
//
// Usage: CLIENT_SECRET=... node client_credentials_sdk1.mjs URL CLIENT_ID ISSUER

import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { callTools } from "./tool_calls.mjs";

const [url, clientId, expectedIssuer] = process.argv.slice(2);
const provider = new ClientCredentialsProvider({ clientId, clientSecret: process.env.CLIENT_SECRET, expectedIssuer });
await callTools({
  client: new Client({ name: "client-credentials", version: "1.0.0" }),
  newTransport: () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }),
  provider,
});
