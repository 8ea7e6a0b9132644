"""Executes orders on Solana exchanges: never loses one, never executes one twice."""
