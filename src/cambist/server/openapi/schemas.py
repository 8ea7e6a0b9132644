"""Draws the schemas of bodies and answers from the structs they are written with."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cambist.faults import CATALOGUE
from cambist.server.about import Alive, ServiceInfo
from cambist.server.openapi.order_body import order_schema
from cambist.server.openapi.words import INSTANTS, PROPERTIES, SPECIAL
from cambist.wire.messages import Message
from cambist.wire.problems import Problem
from cambist.wire.replies import CancelReply, EventList, HealthView, OrderList, OrderView, Receipt

Json = dict[str, Any]

ANSWERS: Final = (
    Receipt, OrderView, OrderList, EventList, Message, CancelReply, HealthView, Alive,
    ServiceInfo, Problem,
)  # fmt: skip


def schemas() -> Json:
    """Return every schema by its name."""
    _, drawn = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")
    drawn["EventList"]["properties"]["events"]["items"] = {"$ref": "#/components/schemas/Message"}
    drawn["Problem"]["properties"]["code"] = {"enum": sorted(CATALOGUE)}
    for name, schema in drawn.items():
        schema["description"] = " ".join(schema.get("description", "").split())
        for field, one in schema.get("properties", {}).items():
            _describe(one, name, field)
    drawn["OrderRequest"] = order_schema()
    return drawn


def _describe(one: Json, schema: str, field: str) -> None:
    said = SPECIAL.get((schema, field)) or PROPERTIES.get(field)
    if said is not None:
        one["description"] = said
    if field in INSTANTS:
        for form in (one, *one.get("anyOf", ())):
            if form.get("type") == "string":
                form["format"] = "date-time"
    if one.get("default", 0) is None:
        del one["default"]  # what is not known is left out, never null
