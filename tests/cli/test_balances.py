"""Hold `balances` to the chain's own books."""

from tests.acceptance.process import Process
from tests.cli.conftest import Cambist

WALLET = "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"


def test_a_wallet_holds_what_its_orders_left_it(cambist: Cambist, house: Process) -> None:
    done = cambist("order", "12.5", "RAY", "USDC", "--wallet", WALLET)
    assert done.exit_code == 0
    bought = done.stdout.split()[-1]
    told = cambist("balances", WALLET, "--home", str(house.home))
    assert told.exit_code == 0
    held = {row.split()[1]: row.split()[2] for row in told.stdout.splitlines()[1:-1]}
    assert held["RAY"] == "999987.5"
    assert held["USDC"] == f"10{int(bought.split('.')[0]):05d}.{bought.split('.')[1]}"
    assert held["SOL"] == "999999.999995"


def test_the_books_that_balance_the_world_are_no_wallets(cambist: Cambist, house: Process) -> None:
    told = cambist("balances", CAMBIST_HOME=str(house.home)).stdout
    assert not {"endowment", "arbitrage", "fees"} & set(told.split())


def test_a_wallet_that_never_traded_has_no_rows(cambist: Cambist, house: Process) -> None:
    told = cambist("balances", "nobody", "--home", str(house.home))
    assert told.stdout == "A wallet holds 1,000,000 of a token until it first uses it.\n"


def test_a_home_without_a_chain_exits_78(cambist: Cambist) -> None:
    done = cambist("balances")
    assert done.exit_code == 78
    assert "paper-chain.db is not there" in done.stderr
