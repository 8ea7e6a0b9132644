"""Simulates a market and a chain with Solana's rules, durable and without money."""
