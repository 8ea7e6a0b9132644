"""Kills real processes under load, and checks by the ledger that no order was lost or doubled."""
