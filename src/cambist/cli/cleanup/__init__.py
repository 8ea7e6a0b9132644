"""Leaves nothing behind: ends the processes of a command and removes its folder, however it ends.

A small process of its own reads a pipe that only the command writes to. When the command is gone,
killed or not, the pipe closes, and what is left of the command is ended and removed.
"""

from cambist.cli.cleanup.cleanup_process import CleanupProcess, cleaned_up_folder

__all__ = ["CleanupProcess", "cleaned_up_folder"]
