"""Hold the API's own description to what the server does."""

import json

import pytest

from cambist.server.openapi import document
from cambist.wire.vocabulary import FIELDS

VALIDATOR = pytest.importorskip("openapi_spec_validator")


def test_the_document_is_valid_openapi() -> None:
    VALIDATOR.validate(json.loads(document()))


def test_every_field_an_order_may_have_is_described() -> None:
    properties = json.loads(document())["components"]["schemas"]["OrderRequest"]["properties"]
    assert set(properties) == set(FIELDS)
