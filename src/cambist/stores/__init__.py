"""Keeps the truth: orders, journals, attempts and fills, durable before anyone is told."""
