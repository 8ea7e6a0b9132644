"""Defines the basic values: ids, amounts, prices, tokens, instants and routes."""
