"""Calls tools as a program that nobody signs in to: the client credentials of the Python SDK, as they come.

Usage: CLIENT_SECRET=... python client_credentials.py URL CLIENT_ID ISSUER MODE

ISSUER is the token service that the secret belongs to: the SDK sends it nowhere else. The rest is tool_calls.py.
"""

import asyncio
import os
import sys

from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider

from tool_calls import Memory, call_tools


async def main(url: str, client_id: str, issuer: str, mode: str) -> None:
    memory, secret = Memory(), os.environ.pop("CLIENT_SECRET")
    await call_tools(url, ClientCredentialsOAuthProvider(url, memory, client_id, secret, issuer=issuer), memory, mode)


asyncio.run(main(*sys.argv[1:]))
