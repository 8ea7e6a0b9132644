"""Serves the engine over HTTP, server-sent events and WebSocket."""
