"""Hold the paper chain in this process to the contract of every chain."""

from tests.contracts.chain import ChainContract


class TestPaperChain(ChainContract):
    """The chain as the engine meets it in one process."""
