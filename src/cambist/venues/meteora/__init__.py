"""Holds what is known of Meteora's programs."""
