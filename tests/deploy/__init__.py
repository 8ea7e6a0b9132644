"""Prove that the files which deploy the engine name what is there to be named."""
