"""Speaks HTTP/1.1 and WebSocket below ASGI: heads, frames, connections."""
