"""Offers the paper network to other processes."""
