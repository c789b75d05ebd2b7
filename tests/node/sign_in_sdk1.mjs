// The same as sign_in.mjs with the first generation of the TypeScript SDK, which knows the handshake only.
//
// Usage: node sign_in_sdk1.mjs URL CLIENT_ID

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { BrowserSignIn } from "./browser_sign_in.mjs";
import { callTools } from "./tool_calls.mjs";

const [url, clientId] = process.argv.slice(2);
const provider = await new BrowserSignIn(clientId).start();
await callTools({
  client: new Client({ name: "sign-in", version: "1.0.0" }),
  newTransport: () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }),
  provider,
  signIn: {
    isNeeded: (error) => error instanceof UnauthorizedError,
    finish: async (transport) => transport.finishAuth((await provider.back).get("code")),
  },
});
provider.stop();
