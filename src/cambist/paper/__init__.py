"""Keeps a small, honest, durable world: a market and a chain with Solana's rules and no money."""
