"""Hold answers to being readable by pages of the origins that were named, and by no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from cambist.config import BadSettings, load
from tests.server.app_harness import DEFAULTS, ORDER, in_process
from tests.server.authenticated_app import FREE, locked

PAGE = "https://app.example"
NAMED = (PAGE, "http://localhost:5173")
ASKS = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def cors(headers: object) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k.startswith("access-control")}  # type: ignore[attr-defined]


async def test_a_page_of_a_named_origin_may_send_and_read(tmp_path: Path) -> None:
    async with in_process(tmp_path, replace(DEFAULTS, allowed_origins=NAMED)) as rooms:
        for origin in NAMED:
            asked = await rooms.client.options("/api/orders", headers={"origin": origin, **ASKS})
            assert asked.status_code == 200
            told = cors(asked.headers)
            assert told["access-control-allow-origin"] == origin
            assert "Authorization" in told["access-control-allow-headers"]
            assert "Idempotency-Key" in told["access-control-allow-headers"]
            assert "DELETE" in told["access-control-allow-methods"]
            assert asked.headers["vary"] == "Origin"
            placed = await rooms.client.post("/api/orders", json=ORDER, headers={"origin": origin})
            assert placed.status_code == 202
            assert placed.headers["access-control-allow-origin"] == origin
            assert "Location" in placed.headers["access-control-expose-headers"]
            assert placed.headers["vary"] == "Origin"
            refused = await rooms.client.get("/nowhere", headers={"origin": origin})
            assert refused.headers["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in {**asked.headers, **placed.headers}


@pytest.mark.parametrize("named", [(), NAMED])
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://app.example.evil.example", "https://app.example:444", "null",
     "http://app.example", "https://app.examplf", "*"],
)  # fmt: skip
async def test_a_page_of_another_origin_may_nothing(
    tmp_path: Path, named: tuple[str, ...], origin: str
) -> None:
    async with in_process(tmp_path, replace(DEFAULTS, allowed_origins=named)) as rooms:
        shown = {"origin": origin}
        answers = [
            await rooms.client.options("/api/orders", headers={**shown, **ASKS}),
            await rooms.client.get("/api/orders", headers=shown),
            await rooms.client.post("/api/orders", json=ORDER, headers=shown),
        ]
        for answer in answers:
            assert answer.status_code == 403
            assert not cors(answer.headers)
        assert (await rooms.client.get("/api/orders")).json()["total"] == 0


async def test_who_names_no_origin_or_our_own_is_told_nothing_of_it(tmp_path: Path) -> None:
    async with in_process(tmp_path, replace(DEFAULTS, allowed_origins=NAMED)) as rooms:
        for shown in ({}, {"origin": "http://localhost"}):
            answer = await rooms.client.get("/api/orders", headers=shown)
            assert answer.status_code == 200
            assert not cors(answer.headers)
        assert (await rooms.client.options("/api/orders")).status_code == 405


async def test_a_named_origin_at_a_wrong_host_is_told_nothing(tmp_path: Path) -> None:
    async with in_process(tmp_path, replace(DEFAULTS, allowed_origins=NAMED)) as rooms:
        headers = {"origin": PAGE, "host": "evil.example", **ASKS}
        assert (await rooms.client.options("/", headers=headers)).status_code == 403


async def test_a_preflight_needs_no_key_and_what_follows_does(tmp_path: Path) -> None:
    async with locked(tmp_path, replace(FREE, allowed_origins=NAMED)) as rooms:
        await rooms.key()
        asked = await rooms.client.options("/api/orders", headers={"origin": PAGE, **ASKS})
        assert asked.status_code == 200
        refused = await rooms.client.get("/api/orders", headers={"origin": PAGE})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example", "app.example", "https://a.b/", "null"]
)
def test_an_origin_that_is_none_stops_the_start(tmp_path: Path, origin: str) -> None:
    with pytest.raises(BadSettings, match="CAMBIST_ALLOWED_ORIGINS"):
        load({"CAMBIST_ALLOWED_ORIGINS": origin}, tmp_path, {})


@pytest.mark.parametrize("proxy", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "1.2.3"])
def test_a_proxy_that_is_no_address_stops_the_start(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(BadSettings, match="CAMBIST_TRUSTED_PROXIES"):
        load({"CAMBIST_TRUSTED_PROXIES": proxy}, tmp_path, {})
