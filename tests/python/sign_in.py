"""Calls tools for a person who signs in with a browser: the OAuth client of the Python SDK, as it comes.

Usage: python sign_in.py URL CLIENT_ID MODE

URL is all that is told of the server. CLIENT_ID names a public client with the redirect URI
http://127.0.0.1/callback. Prints the page to open whenever the person has to be asked; the rest is
tool_calls.py.
"""

import asyncio
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

from tool_calls import Memory, call_tools


class Callback(HTTPServer):
    """Where the browser comes back to: a free port of this machine."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.redirect_uri = f"http://127.0.0.1:{self.server_port}/callback"
        self.parameters: dict[str, str] = {}

    async def wait(self) -> AuthorizationCodeResult:
        self.parameters = {}
        while not self.parameters:
            await asyncio.to_thread(self.handle_request)
        if "code" not in self.parameters:
            raise PermissionError(self.parameters.get("error_description", "no code came back"))
        return AuthorizationCodeResult(**self.parameters)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/callback":
            self.server.parameters = dict(parse_qsl(url.query))
        self.send_response(200 if url.path == "/callback" else 404)
        self.end_headers()
        self.wfile.write(b"You can close this page.")

    def log_message(self, *_) -> None:
        """Says nothing: the line would hold the code."""


async def show(url: str) -> None:
    print(url, flush=True)


async def main(url: str, client_id: str, mode: str) -> None:
    callback = Callback()
    # What is registered beforehand is stored as if this program had registered it.
    memory = Memory(OAuthClientInformationFull(client_id=client_id, token_endpoint_auth_method="none"))
    metadata = OAuthClientMetadata(redirect_uris=[callback.redirect_uri])
    oauth = OAuthClientProvider(url, metadata, memory, redirect_handler=show, callback_handler=callback.wait)
    await call_tools(url, oauth, memory, mode)


asyncio.run(main(*sys.argv[1:]))
