"""Names the WebSocket close codes the server sends (RFC 6455, section 7.4)."""

# Codes below 3000 belong to RFC 6455 and the IANA registry; 4000 to 4999 are free for private use
# (RFC 6455, 7.4.2). The private ones repeat the HTTP status that says the same: 4401 for 401,
# 4404 for 404, 4008 for 408.

from __future__ import annotations

from typing import Final

CLOSE_DONE: Final = 1000
CLOSE_POLICY: Final = 1008
CLOSE_BROKEN: Final = 1011
CLOSE_RESTART: Final = 1012
CLOSE_STALLED: Final = 4008
CLOSE_UNAUTHORIZED: Final = 4401
CLOSE_UNKNOWN: Final = 4404
