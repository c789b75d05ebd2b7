"""The tool `add` on FastMCP, at its best: no sessions, JSON answers, no access log, uvloop and httptools.

Usage: python fastmcp_server.py PORT [ISSUER]

With ISSUER every call needs a token of that issuer with the scope add:read, verified by FastMCP's own means.
"""

import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier

port = int(sys.argv[1])
verifier = None
if len(sys.argv) > 2:
    issuer = sys.argv[2]
    verifier = JWTVerifier(
        jwks_uri=f"{issuer}/jwks",
        issuer=issuer,
        audience=f"http://localhost:{port}/mcp",
        required_scopes=["add:read"],
    )
server = FastMCP("add", auth=verifier)


@server.tool(annotations={"readOnlyHint": True})
def add(a: int, b: int) -> dict[str, int]:
    """Adds two numbers."""
    return {"sum": a + b}


uvicorn.run(
    server.http_app(stateless_http=True, json_response=True),
    host="127.0.0.1",
    port=port,
    loop="uvloop",
    http="httptools",
    log_level="warning",
    access_log=False,
)
