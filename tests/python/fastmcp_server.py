"""Serves an MCP server made with FastMCP, guarded by its own means with tokens of our service.

Usage: python fastmcp_server.py PORT ISSUER

Any token for this server with the scope fast:read gets in; `store` needs fast:write too. The start-up
line is JSON that says where it listens, as those of our own servers are.
"""

import asyncio
import json
import socket
import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider, require_scopes
from fastmcp.server.auth.providers.jwt import JWTVerifier

port, issuer = int(sys.argv[1]), sys.argv[2]
origin = f"http://localhost:{port}"
verifier = JWTVerifier(
    jwks_uri=f"{issuer}/.well-known/jwks.json",
    issuer=issuer,
    audience=f"{origin}/mcp",
    required_scopes=["fast:read"],
)
server = FastMCP("fast", auth=RemoteAuthProvider(verifier, authorization_servers=[issuer], base_url=origin))


@server.tool(annotations={"readOnlyHint": True, "title": "Add two numbers"})
def add(a: int, b: float = 1.5) -> dict:
    """Adds."""
    return {"sum": a + b}


@server.tool(auth=require_scopes("fast:write"))
def store(text: str, times: int) -> dict:
    """Stores a text so many times."""
    return {"stored": [text] * times}


class Announced(uvicorn.Server):
    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        print(json.dumps({"message": "listening", "listen": f"127.0.0.1:{port}"}), flush=True)


listener = socket.socket()
try:
    listener.bind(("127.0.0.1", port))
except OSError:
    sys.exit(f"port {port} is taken")
asyncio.run(Announced(uvicorn.Config(server.http_app(), log_level="warning")).serve([listener]))
