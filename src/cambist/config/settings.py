"""Lists everything a user may set, with its bounds and its default."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

_ADDRESSED: Final = "Not counted on a loopback without keys unless set; else"


Origin = Annotated[str, Meta(pattern=r"^https?://[^/*\s]+$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a user may set. Durations are milliseconds."""

    mode: Annotated[Literal["paper"], Meta(description="What is traded: only `paper` so far.")] = (
        "paper"
    )
    role: Annotated[
        Literal["all", "api", "worker"],
        Meta(description="What this process does: `api` takes orders, `worker` executes them."),
    ] = "all"
    home: Annotated[str, Meta(description="The folder that holds all state.")] = ".cambist"
    pepper_file: Annotated[
        str | None,
        Meta(description="The secret that API keys are digested with, if not in the home."),
    ] = None
    database_url: Annotated[
        str | None,
        Meta(description="Keep orders in this PostgreSQL (`postgresql://...`), not in the home."),
    ] = None
    may_lose_acknowledged_orders: Annotated[
        bool, Meta(description="Take a database that runs with fsync or the like switched off.")
    ] = False
    lease_ms: Annotated[
        int,
        Meta(ge=500, le=60_000, description="How long a dead worker's orders wait for another."),
    ] = 15_000
    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="The port; 0 takes a free one.")] = 3000
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(description="More names the Host header may have, besides the loopback ones."),
    ] = ()
    allowed_origins: Annotated[
        tuple[Origin, ...], Meta(description="Web origins whose pages may call, exactly.")
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses and networks whose X-Forwarded-For is believed."),
    ] = ()
    requests_max: Annotated[
        int, Meta(ge=1, le=10_000, description="Requests answered at once; more are refused.")
    ] = 256
    key_requests_max: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Requests of a key answered at once; 8 stops beside."),
    ] = 32
    address_requests_max: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None,
        Meta(description=f"Requests without a key from one address at once. {_ADDRESSED} 8."),
    ] = None
    worker_concurrency: Annotated[
        int, Meta(ge=1, le=1_000, description="Orders performed at once: quoted, built or sent.")
    ] = 10
    max_retries: Annotated[
        int, Meta(ge=1, le=10, description="Tries an order has in all, the first one included.")
    ] = 3
    backoff_first_ms: Annotated[
        int, Meta(ge=0, le=60_000, description="The wait before the second try; it then doubles.")
    ] = 1_000
    orders_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Orders begun a minute; the rest wait. 0 is off.")
    ] = 0
    backlog_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Open orders past which new ones are refused.")
    ] = 20_000
    slippage_bps: Annotated[
        int, Meta(ge=1, le=5_000, description="The tolerance of an order that names none.")
    ] = 50
    slippage_max_bps: Annotated[
        int, Meta(ge=1, le=5_000, description="The greatest tolerance an order may name.")
    ] = 5_000
    slippage_unit: Annotated[
        Literal["percent", "fraction"], Meta(description="How a bare `slippage` is read.")
    ] = "percent"
    transaction_format: Annotated[
        Literal["auto", "v0", "v1"],
        Meta(description="`v0` has 1,232 bytes and 3 paths, `v1` 4,096 and 6; `auto` is `v1`."),
    ] = "auto"
    split_gain_min_bps: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,4}(\.[0-9]{1,2})?$",
            description="What several swaps have to gain over one beyond their costs.",
        ),
    ] = "0.5"
    streams_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Open streams past which more are refused.")
    ] = 12_000
    connections_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Open connections past which more are refused.")
    ] = 14_000
    keep_alive_ms: Annotated[
        int,
        Meta(ge=1_000, le=3_600_000, description="How long an idle connection is kept open."),
    ] = 75_000
    address_connections_max: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description=f"Connections of one address. {_ADDRESSED} 64."),
    ] = None
    address_requests_per_minute: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None,
        Meta(description=f"Calls without a key from one address a minute. {_ADDRESSED} 600."),
    ] = None
    auth_failures_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Bad keys from one address a minute. 0 is off.")
    ] = 10
    key_orders_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Orders placed with a key a minute. 0 is off.")
    ] = 100
    key_requests_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Requests with a key a minute. 0 is off.")
    ] = 6_000
    key_quotes_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Quotes with a key a minute. 0 is off.")
    ] = 600
    key_streams_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Streams opened with a key a minute. 0 is off.")
    ] = 600
    key_streams_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Streams a key may have open at once.")
    ] = 20
    redis_url: Annotated[
        str | None,
        Meta(description="The Redis that carries signals: redis://, rediss://, unix://."),
    ] = None
    api_processes: Annotated[
        int,
        Meta(ge=1, le=1_000, description="Processes that serve; alone, each allows its share."),
    ] = 1
    paper_profile: Annotated[
        Literal["realistic", "instant"],
        Meta(description="`realistic` has delays and mishaps, `instant` has none."),
    ] = "realistic"
    paper_seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="What the paper world's chance is drawn from.")
    ] = 1
    paper_witnesses: Annotated[
        int,
        Meta(ge=1, le=2, description="Endpoints asked what became of a transaction; 2 must agree."),
    ] = 1
    paper_chain: Annotated[
        str,
        Meta(
            pattern=r"^(inside|socket|([^\s:\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5})$",
            description="`inside`, or where it runs alone: a `socket` in the home, or host:port.",
        ),
    ] = "inside"
    unknown_tokens: Annotated[
        Literal["warn", "refuse"],
        Meta(description="A token nobody lists: `warn` and make it up on paper, or `refuse` it."),
    ] = "warn"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="`auto` writes text to a terminal and JSON elsewhere."),
    ] = "auto"
    fault: Annotated[
        str | None, Meta(description="Break on purpose: `point:count[:kill|stop|raise]`.")
    ] = None
