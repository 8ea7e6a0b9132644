"""Sets how properties are explored, and hands out the real servers.

Properties are explored the same way each time when the suite judges a commit.
"""

import os

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.servers.fixtures import breakable_postgres, breakable_valkey, postgres_url, redis_url

__all__ = ["breakable_postgres", "breakable_valkey", "postgres_url", "redis_url"]

settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", parent=settings.get_profile("suite"), derandomize=False)
settings.load_profile("search" if os.environ.get("SEARCH") else "suite")


@pytest.fixture(autouse=True, scope="session")
def _loggers_stay_loose() -> None:
    """Keep loggers from remembering how they were set up, so that every test can listen to them."""
    configure = structlog.configure

    def loosely(**settings: object) -> None:
        configure(**(settings | {"cache_logger_on_first_use": False}))  # type: ignore[arg-type]

    structlog.configure = loosely


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where two tests run at once, let only one of them have servers and processes to itself.

    All that need any run one after the other; of the others, those of a file stay together.
    """
    for item in items:
        kept = any(item.get_closest_marker(one) for one in ("acceptance", "postgres", "redis"))
        group = "servers" if kept else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run say where programs and captured pools are; tests are skipped without theirs."""
    parser.addoption("--programs", default=os.environ.get("PROGRAMS"), metavar="DIR")
    parser.addoption("--captures", default=os.environ.get("CAPTURES"), metavar="DIR")
    parser.addoption("--counts", action="store_true", help="print the table of swaps by release")
