// Calls tools for a person who signs in with a browser: the OAuth client of the TypeScript SDK, as it comes.
//
// Usage: node sign_in.mjs URL CLIENT_ID MODE
//
// URL is all that is told of the server. MODE is "auto", "legacy" (initialize handshake, 2025-11-25) or a
// revision such as 2026-07-28. Prints the page to open whenever the person has to be asked.

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { BrowserSignIn } from "./browser_sign_in.mjs";
import { callTools } from "./tool_calls.mjs";

const [url, clientId, mode] = process.argv.slice(2);
const provider = await new BrowserSignIn(clientId).start();
const versionNegotiation = { mode: ["auto", "legacy"].includes(mode) ? mode : { pin: mode } };
await callTools({
  client: new Client({ name: "sign-in", version: "1.0.0" }, { versionNegotiation }),
  newTransport: () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }),
  provider,
  signIn: {
    isNeeded: (error) => error instanceof UnauthorizedError,
    // It compares `iss` with the issuer that the person was sent to, and throws where the person said no.
    finish: async (transport) => transport.finishAuth(await provider.back),
  },
});
provider.stop();
