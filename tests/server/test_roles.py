"""Prove that an installation may be split: some processes take orders, others execute them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from cambist.bootstrap import open_paper_chain, run_engine, serve_http
from cambist.config import BadSettings, Settings, load
from cambist.server.app import create_app
from cambist.server.settings import ServerSettings
from tests.server.app_harness import ORDER, client_of, in_process, until_closed
from tests.servers.machine import free_port
from tests.stores.postgres_stores import database

SHARED = {"CAMBIST_DATABASE_URL": "postgresql://me@127.0.0.1/orders"}
ANY = "0.0.0.0"  # noqa: S104 -- to see it refused
SOCKET = {"CAMBIST_PAPER_CHAIN": "socket"}


@pytest.mark.postgres
async def test_what_an_api_takes_a_worker_executes(postgres_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as opened, database(postgres_url) as url:
        given = Settings(
            home=str(tmp_path),
            database_url=url,
            paper_chain="socket",
            paper_profile="instant",
            port=0,
        )
        await opened.enter_async_context(open_paper_chain(given))
        ports = []
        for role in ("api", "worker"):
            settings = replace(given, role=role)
            part = await opened.enter_async_context(run_engine(settings))
            ports.append((await opened.enter_async_context(serve_http(part, settings))).port)
        api, worker = (f"http://127.0.0.1:{port}" for port in ports)
        async with httpx.AsyncClient(base_url=api, trust_env=False) as client:
            placed = await client.post("/api/orders/execute", json=ORDER)
            closed = await until_closed(client, placed.json()["orderId"])
            assert closed["status"] == "confirmed"
            assert (await client.get(f"{worker}/health")).json()["status"] == "ok"
            assert (await client.get(f"{worker}/metrics")).status_code == 200
            assert (await client.post(f"{worker}/api/orders", json=ORDER)).status_code == 404


async def test_parts_on_several_machines_meet_the_chain_over_tcp(tmp_path: Path) -> None:
    place = f"127.0.0.1:{free_port()}"
    chain = Settings(home=str(tmp_path / "a"), paper_chain=place, paper_profile="instant")
    engine = replace(chain, home=str(tmp_path / "b"), port=0)
    async with (
        open_paper_chain(chain) as listening,
        run_engine(engine) as part,
        serve_http(part, engine) as (port, _),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        assert listening == ("127.0.0.1", int(place.rpartition(":")[2]))
        placed = await client.post("/api/orders/execute", json=ORDER)
        closed = await until_closed(client, placed.json()["orderId"])
        assert closed["status"] == "confirmed"
    assert not (tmp_path / "b" / "paper-chain.db").exists()


async def test_a_chain_that_strangers_could_reach_is_refused_unless_asked_for(
    tmp_path: Path,
) -> None:
    for host in (ANY, "[::]", "192.0.2.1", "chain.internal"):
        settings = Settings(home=str(tmp_path), paper_chain=f"{host}:{free_port()}")
        with pytest.raises(BadSettings, match="--to-anyone"):
            async with open_paper_chain(settings):
                pass
    settings = Settings(home=str(tmp_path), paper_chain=f"{ANY}:{free_port()}")
    async with open_paper_chain(settings, to_anyone=True) as place:
        assert place[0] == ANY  # type: ignore[index]


@pytest.mark.parametrize("told", ["", "host", "a b:1", "host:0", "host:65536", "host:", ":7420"])
def test_a_chain_nobody_could_find_is_refused(told: str, tmp_path: Path) -> None:
    if not told:
        assert load({"CAMBIST_PAPER_CHAIN": told}, tmp_path, {}).settings.paper_chain == "inside"
        return
    with pytest.raises(BadSettings, match=r"CAMBIST_PAPER_CHAIN"):
        load({"CAMBIST_PAPER_CHAIN": told}, tmp_path, {})


async def test_an_api_alone_moves_nothing(postgres_url: str, tmp_path: Path) -> None:
    async with database(postgres_url) as url:
        settings = Settings(role="api", home=str(tmp_path), database_url=url, paper_chain="socket")
        async with (
            run_engine(settings) as part,
            client_of(create_app(part.engine, ServerSettings())) as api,
        ):
            placed = (await api.post("/api/orders/execute", json=ORDER)).json()
            await part.engine.clock.sleep(1_500)
            read = (await api.get(f"/api/orders/{placed['orderId']}")).json()
            assert read["status"] == "pending"


async def test_a_worker_answers_for_its_health_and_nothing_else(tmp_path: Path) -> None:
    async with in_process(tmp_path, ServerSettings(takes_orders=False)) as (_, app, client):
        paths = {route.path for route in app.routes}  # type: ignore[attr-defined]
        assert paths == {"/health", "/health/live", "/health/ready", "/metrics"}
        for path in paths:
            assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize(
    ("environment", "wanted"),
    [(SOCKET, "set CAMBIST_DATABASE_URL"), (SHARED, "set CAMBIST_PAPER_CHAIN=socket")],
)
def test_a_part_that_could_not_meet_the_others_is_refused(
    role: str, environment: dict[str, str], wanted: str, tmp_path: Path
) -> None:
    with pytest.raises(BadSettings, match=wanted):
        load({**environment, "CAMBIST_ROLE": role}, tmp_path, {})
    assert load({**SHARED, **SOCKET, "CAMBIST_ROLE": role}, tmp_path, {}).settings.role == role
