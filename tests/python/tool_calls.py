"""What the programs beside this one do alike, however they get their tokens: call tools as they are told.

Each line of the standard input is a tool and its arguments as JSON; each answer is a line of JSON.
"""

import asyncio
import json
import sys

from mcp import Client, MCPError
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken


class Memory:
    """What the SDK wants kept: the client's registration, and its tokens while the program runs."""

    def __init__(self, client: OAuthClientInformationFull | None = None) -> None:
        self.client = client
        self.tokens: OAuthToken | None = None

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens


async def call_tools(url: str, oauth: OAuthClientProvider, memory: Memory, mode: str) -> None:
    """MODE is "auto", "legacy" (initialize handshake, 2025-11-25) or a revision such as 2026-07-28."""
    http = create_mcp_http_client(auth=oauth)
    async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:

        async def tell(answer: dict) -> None:
            tools = sorted(tool.name for tool in (await client.list_tools()).tools)
            print(json.dumps({**answer, "tools": tools, "scope": memory.tokens.scope}), flush=True)

        await tell({"version": client.protocol_version})
        while line := await asyncio.to_thread(sys.stdin.readline):
            tool, _, arguments = line.strip().partition(" ")
            try:
                result = await client.call_tool(tool, json.loads(arguments))
                await tell({"is_error": result.is_error, "result": result.structured_content})
            except MCPError as error:
                await tell({"is_error": True, "result": error.error.message})
