"""The modes of files and folders that nobody but their owner may read."""

from __future__ import annotations

from typing import Final

OWNER_ONLY: Final = 0o600
OWNER_ONLY_FOLDER: Final = 0o700
