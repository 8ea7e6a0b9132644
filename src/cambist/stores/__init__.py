"""Stores orders, journals, attempts and fills, durable before anything is published."""
