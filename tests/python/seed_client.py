"""Does what the seed's clients do, with the Python SDK: gets its credentials, opens HTTP+SSE, lists the tools
and calls them. Prints what it saw, as JSON.

Usage: SECRET=... python seed_client.py URL KIND CLIENT_ID ALLOWED_TOOL DENIED_TOOL

KIND is one of the seed's: "api-key", "basic", "jwt" (a token of /token), or "rsa" (a token that FastMCP's key
pair signs; SECRET is the private key in PEM then); or it is "oauth" (a token for RESOURCE from TOKEN_URL, as
docs/ladder.md has it). Both tools are called without arguments.
"""

import asyncio
import base64
import json
import os
import sys

import httpx2
from fastmcp.server.auth.providers.jwt import RSAKeyPair
from mcp import ClientSession, MCPError
from mcp.client.sse import sse_client
from pydantic import SecretStr


async def headers(url: str, kind: str, client_id: str) -> dict[str, str]:
    secret = os.environ["SECRET"]
    match kind:
        case "api-key":
            return {"x-api-key": secret}
        case "basic":
            return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}
        case "jwt":
            async with httpx2.AsyncClient() as http:
                payload = {"client_id": client_id, "client_secret": secret}
                answer = await http.post(url.replace("/sse", "/token"), json=payload)
            return {"Authorization": f"Bearer {answer.json()['access_token']}"}
        case "rsa":
            key_pair = RSAKeyPair(private_key=SecretStr(secret), public_key="")
            token = key_pair.create_token(
                subject="alice",
                issuer="https://dev-issuer.com",
                audience="my-mcp-server",
                additional_claims={"job_role": "Manager", "id": "123", "name": "Alice"},
            )
            return {"Authorization": f"Bearer {token}"}
        case "oauth":
            payload = {
                "grant_type": "client_credentials", "resource": os.environ["RESOURCE"],
                "client_id": client_id, "client_secret": secret,
            }
            async with httpx2.AsyncClient() as http:
                answer = await http.post(os.environ["TOKEN_URL"], data=payload)
            return {"Authorization": f"Bearer {answer.json()['access_token']}"}
    raise ValueError(kind)


async def main(url: str, kind: str, client_id: str, allowed: str, denied: str) -> dict:
    async with sse_client(url=url, headers=await headers(url, kind, client_id)) as (in_stream, out_stream):
        async with ClientSession(in_stream, out_stream) as session:
            info = await session.initialize()
            tools = await session.list_tools()
            called = await session.call_tool(allowed, {})
            try:
                refusal = f"not refused: {await session.call_tool(denied, {})}"
            except MCPError as error:
                refusal = error.error.message
            # A refusal ends nothing: the session goes on.
            again = await session.call_tool(allowed, {})
            return {
                "server": info.server_info.name,
                "version": info.protocol_version,
                "tools": sorted(tool.name for tool in tools.tools),
                "result": called.structured_content,
                "refusal": refusal,
                "goes_on": not again.is_error,
            }


print(json.dumps(asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 60))))
