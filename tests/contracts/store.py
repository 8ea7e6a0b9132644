"""States all that any implementation of the Store port must do.

A store's own test module subclasses `StoreContract`, gives it a fixture `shelf`, and inherits
every test.
"""

from tests.contracts.store_feed import Feeding, Together
from tests.contracts.store_halts import Halting
from tests.contracts.store_pipelining import Turns
from tests.contracts.store_reads import Claiming, Finding, Lasting, Permission
from tests.contracts.store_writes import Adding, Moving, Telling


class StoreContract(
    Adding,
    Together,
    Moving,
    Halting,
    Turns,
    Telling,
    Feeding,
    Permission,
    Claiming,
    Lasting,
    Finding,
):
    """Everything a store promises."""
