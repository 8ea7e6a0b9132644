"""Carries signals over Redis, which may be gone at any time: it holds nothing that is needed."""

from cambist.coordination.redis.transport import RedisTransport

__all__ = ["RedisTransport"]
