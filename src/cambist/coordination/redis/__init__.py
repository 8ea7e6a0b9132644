"""Carries wake-ups and events over Redis, which may fail at any time: it stores nothing needed."""

from cambist.coordination.redis.transport import RedisTransport

__all__ = ["RedisTransport"]
