"""Walk both stores beside their model from 200 random seeds; the suite's own walks never change."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contracts.store_machine import StoreMachine
from tests.stores.test_postgres_machine import PostgresMachine
from tests.stores.test_sqlite_machine import SqliteMachine

SEEDS = 200
RANDOM = settings(
    max_examples=15,
    stateful_step_count=25,
    derandomize=False,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def walk(kind: type[StoreMachine], number: int) -> None:
    named = type(kind.__name__, (kind,), {})  # hypothesis keeps the seed on the class
    run_state_machine_as_test(seed(number)(named), settings=RANDOM)


@pytest.mark.proofs
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(SEEDS))
def test_sqlite_at_a_random_seed(number: int) -> None:
    walk(SqliteMachine, number)


@pytest.mark.proofs
@pytest.mark.postgres
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(SEEDS))
def test_postgres_at_a_random_seed(postgres_url: str, number: int) -> None:
    PostgresMachine.url = postgres_url
    walk(PostgresMachine, number)


def test_one_random_seed_of_sqlite() -> None:
    walk(SqliteMachine, 1)
