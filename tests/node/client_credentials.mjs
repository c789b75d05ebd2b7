// Calls tools as a program that nobody signs in to: the client credentials of the TypeScript SDK, as they come.
//
// Usage: CLIENT_SECRET=... node client_credentials.mjs URL CLIENT_ID ISSUER MODE
//
// ISSUER is the token service that the secret belongs to: the SDK sends it nowhere else. MODE is that of
// sign_in.mjs.

import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { callTools } from "./tool_calls.mjs";

const [url, clientId, expectedIssuer, mode] = process.argv.slice(2);
const provider = new ClientCredentialsProvider({ clientId, clientSecret: process.env.CLIENT_SECRET, expectedIssuer });
const versionNegotiation = { mode: ["auto", "legacy"].includes(mode) ? mode : { pin: mode } };
await callTools({
  client: new Client({ name: "client-credentials", version: "1.0.0" }, { versionNegotiation }),
  newTransport: () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }),
  provider,
});
