"""Judges an OpenAPI document with openapi-spec-validator.

Usage: python validate_openapi.py URL

Ends with an error that says what is wrong with it; prints {} where nothing is.
"""

import json
import sys
import urllib.request

from openapi_spec_validator import validate

with urllib.request.urlopen(sys.argv[1]) as answer:
    validate(json.load(answer))
print("{}")
