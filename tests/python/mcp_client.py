"""Speaks to an MCP server with the Python SDK and prints what it saw, as JSON.

Usage: MCP_TOKEN=... python mcp_client.py URL MODE READ_TOOL WRITE_TOOL

MODE is "legacy" (initialize handshake, 2025-11-25), "auto" or a revision such as 2026-07-28.
READ_TOOL is called without arguments, and so is WRITE_TOOL.
"""

import asyncio
import json
import os
import sys

from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


async def main(url: str, mode: str, read_tool: str, write_tool: str) -> dict:
    challenges: list[str] = []

    async def note(response) -> None:
        if "www-authenticate" in response.headers:
            challenges.append(f"{response.status_code} {response.headers['www-authenticate']}")

    http = create_mcp_http_client(headers={"Authorization": f"Bearer {os.environ['MCP_TOKEN']}"})
    http.event_hooks["response"].append(note)
    async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        listed = await client.list_tools()
        called = await client.call_tool(read_tool, {})
        try:
            denied = await client.call_tool(write_tool, {})
            refusal = f"not refused: {denied}"
        except MCPError as error:
            refusal = error.error.message
        return {
            "version": client.protocol_version,
            "server": client.server_info.name if client.server_info else None,
            "tools": sorted(tool.name for tool in listed.tools),
            "result": called.structured_content,
            "refusal": refusal,
            "challenges": challenges,
        }


print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
