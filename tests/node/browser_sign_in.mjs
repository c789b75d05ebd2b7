// The part of the TypeScript SDK's OAuth client that is left to whoever uses it: a person with a browser, a
// place for it to come back to, and what is to be kept between the two.

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";

/** Signs a person in, for a public client with the redirect URI http://127.0.0.1/callback. */
export class BrowserSignIn {
  // The registration, the tokens and the like, as the SDK gave them: it stamps them with their issuer.
  kept = new Map();

  constructor(clientId) {
    this.kept.set("client", { client_id: clientId });
    this.server = createServer((request, response) => this.answer(request, response));
  }

  /** Listens on a free port, so that there is a redirect URI. */
  async start() {
    await new Promise((listening) => this.server.listen(0, "127.0.0.1", listening));
    this.redirectUrl = `http://127.0.0.1:${this.server.address().port}/callback`;
    return this;
  }

  stop() {
    this.server.close();
  }

  get clientMetadata() {
    return { redirect_uris: [this.redirectUrl], grant_types: ["authorization_code", "refresh_token"] };
  }

  state = () => (this.expected = randomBytes(16).toString("base64url"));
  redirectToAuthorization(url) {
    this.back = new Promise((comesBack) => (this.comesBack = comesBack));
    console.log(url.href);
  }

  answer(request, response) {
    const url = new URL(request.url, this.redirectUrl);
    const known = url.pathname === "/callback" && url.searchParams.get("state") === this.expected;
    response.writeHead(known ? 200 : 404).end("You can close this page.");
    if (known) this.comesBack(url.searchParams);
  }

  clientInformation = () => this.kept.get("client");
  saveClientInformation = (client) => void this.kept.set("client", client);
  tokens = () => this.kept.get("tokens");
  saveTokens = (tokens) => void this.kept.set("tokens", tokens);
  codeVerifier = () => this.kept.get("verifier");
  saveCodeVerifier = (verifier) => void this.kept.set("verifier", verifier);
  discoveryState = () => this.kept.get("discovery");
  saveDiscoveryState = (discovery) => void this.kept.set("discovery", discovery);
}
