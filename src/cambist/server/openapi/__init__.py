"""Describes the API in OpenAPI 3.1."""
