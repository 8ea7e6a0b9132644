"""Makes the servers of an installation ready to start in its home: PostgreSQL and Valkey."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from cambist.cli import readiness_probes
from cambist.cli.local_cluster import server_programs
from cambist.cli.local_cluster.host import (
    ServerNotAvailable,
    free_port,
    unprivileged_user,
)
from cambist.cli.managed_process import ProcessSpec
from cambist.clock import SystemClock, draw_secret
from cambist.values.file_modes import OWNER_ONLY, OWNER_ONLY_FOLDER
from cambist.values.loopback import LOOPBACK

USER: Final = "cambist"
PASSWORD_BYTES: Final = 24
GONE_MS_MAX: Final = 10_000
LOOK_EVERY_MS: Final = 20
POSTGRES_END_MS_MAX: Final = 20_000
VALKEY_END_MS_MAX: Final = 5_000
SOCKET_BYTES_MAX: Final = 100
"""How long a Unix socket's path may be: the kernel takes 107 bytes on Linux, 103 elsewhere."""
_SETTINGS: Final = {
    **server_programs.POSTGRES_DURABLE,
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_min_messages": "warning",
}
_NO_DRIVER: Final = "Python's driver of {name} is missing: pip install 'cambist[cluster]'"


class Server(NamedTuple):
    """A server of the installation's own, and its URL."""

    spec: ProcessSpec
    url: str


@contextmanager
def own_postgres(home: Path) -> Iterator[Server]:
    """Make a PostgreSQL in the home ready to start, its database made where there is none.

    It takes connections of who knows its password, on the loopback. Raises ServerNotAvailable.
    """
    if importlib.util.find_spec("asyncpg") is None:
        raise ServerNotAvailable(_NO_DRIVER.format(name="PostgreSQL"))
    folder, data = home / "postgres", home / "postgres" / "data"
    programs = server_programs.find_postgres(server_programs.made_by(data))
    folder.mkdir(OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    password, port = _password(folder / "password"), free_port()
    with tempfile.TemporaryDirectory(prefix="cambist-pg-", ignore_cleanup_errors=True) as spare:
        Path(spare).chmod(0o755)
        programs = programs.within_reach(Path(spare))
        if server_programs.made_by(data) is None:
            asyncio.run(_make(programs, data, password))
        _wait_until_gone(data)
        with _inherited_data_dir(data) as (shown, how):

            async def is_ready(pid: int) -> bool:
                return server_programs.is_ready(data, pid)

            yield Server(
                ProcessSpec(
                    "postgres",
                    f"PostgreSQL {programs.major} on {LOOPBACK}:{port}, data in {data}",
                    tuple(programs.command(shown, port, _SETTINGS)),
                    is_ready,
                    spawn_options=how,
                    stop_signal=signal.SIGINT,
                    kill_signal=signal.SIGQUIT,
                    end_ms_max=POSTGRES_END_MS_MAX,
                ),
                f"postgresql://{USER}:{password}@{LOOPBACK}:{port}/postgres",
            )


def own_valkey(home: Path) -> Server:
    """Make a Valkey in the home ready to start, on a Unix socket there.

    Raises ServerNotAvailable.
    """
    if importlib.util.find_spec("redis") is None:
        raise ServerNotAvailable(_NO_DRIVER.format(name="Redis"))
    program, folder = server_programs.find_valkey(), home / "valkey"
    folder.mkdir(OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    path = folder / "valkey.sock"

    async def is_ready(_: int) -> bool:
        return await readiness_probes.redis_ready(path)

    settings = {**server_programs.DISPOSABLE, "port": "0", "unixsocket": str(path)}
    command = server_programs.command(program, folder, {**settings, "unixsocketperm": "700"})
    name = program.name.removesuffix("-server").capitalize()
    address = f"{name} on {path}"
    spec = ProcessSpec("valkey", address, tuple(command), is_ready, end_ms_max=VALKEY_END_MS_MAX)
    return Server(spec, f"unix://{path}")


def fits_a_socket(home: Path) -> bool:
    """Return whether the path of a socket in this home is short enough for the kernel."""
    return len(os.fsencode(home / "valkey" / "valkey.sock")) <= SOCKET_BYTES_MAX


def _password(path: Path) -> str:
    """Return the password kept in a file; the first call draws it."""
    if not path.exists():
        draft = path.with_suffix(".new")
        write_privately(draft, draw_secret(PASSWORD_BYTES).hex())
        draft.replace(path)
    return path.read_text("ascii").strip()


def write_privately(path: Path, text: str) -> None:
    """Write a file that its owner alone may read."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


async def _make(programs: server_programs.PostgresPrograms, data: Path, password: str) -> None:
    """Create the database under another name, then rename it: a half-made one is never used."""
    draft = data.with_name(f"data.{os.getpid()}")
    draft.mkdir(OWNER_ONLY_FOLDER)
    with tempfile.NamedTemporaryFile("w", prefix="cambist-pg-") as secret:
        secret.write(password)
        secret.flush()
        for path in (draft, secret.name):
            if user := unprivileged_user():
                os.chown(path, user["user"], user["group"])
        with _inherited_data_dir(draft) as (shown, how):
            command = programs.initdb(shown, USER, "-A", "scram-sha-256", "--pwfile", secret.name)
            pipe = asyncio.subprocess.PIPE
            made = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, **how)
            _, errors = await made.communicate()
    if made.returncode:
        msg = f"initdb failed: {errors.decode('utf-8', 'replace')[-500:].strip()}"
        raise ServerNotAvailable(msg)
    draft.rename(data)


@contextmanager
def _inherited_data_dir(data: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name by which a server reaches its data, and how it must be started for that.

    As root the server runs as `nobody`, who owns the data but may not enter the home. It inherits
    an open handle of the folder instead, and the permissions of the home stay as they are.
    """
    user = unprivileged_user()
    if not user:
        yield str(data), {"cwd": "/"}
        return
    handle = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}", {"cwd": "/", "pass_fds": (handle,), **user}
    finally:
        os.close(handle)


def _wait_until_gone(data: Path) -> None:
    """Let the server of an installation that was killed a moment ago end first."""
    clock, pid = SystemClock(), server_programs.holder(data)
    until = clock.monotonic_ms() + GONE_MS_MAX
    while pid is not None and _is_a_postgres(pid) and clock.monotonic_ms() < until:
        asyncio.run(clock.sleep(LOOK_EVERY_MS))


def _is_a_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8").strip() == "postgres"
    except OSError:
        return False
