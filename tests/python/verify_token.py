"""Verifies an access token as any Python resource server does: with PyJWT and the published keys.

Usage: TOKEN=... python verify_token.py ISSUER AUDIENCE

Finds the keys by the issuer's discovery document and prints the claims as JSON.
"""

import json
import os
import sys
import urllib.request

import jwt

issuer, audience = sys.argv[1:]
token = os.environ["TOKEN"]
with urllib.request.urlopen(f"{issuer}/.well-known/oauth-authorization-server") as answer:
    metadata = json.load(answer)
assert metadata["issuer"] == issuer
key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]
claims = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer, options={"require": required})
print(json.dumps(claims))
