"""Compares quotes with those of the venues' own SDKs, in node, on the same numbers or bytes."""
