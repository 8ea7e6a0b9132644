"""Speaks TLS for a PostgreSQL server that may be built without it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ASKS_FOR_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
CHUNK_BYTES = 65_536


class Identity(NamedTuple):
    """A key, and the certificate that says whose it is."""

    key: Path
    certificate: Path


def make_identity(folder: Path, name: str) -> Identity:
    """Make a certificate for a name, signed by itself."""
    made = Identity(folder / f"{name}.key", folder / f"{name}.crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(made.key),
         "-out", str(made.certificate)], check=True, capture_output=True,
    )  # fmt: skip
    return made


class TlsFront:
    """Takes connections in TLS and carries them to a port of this machine in the clear."""

    def __init__(self, port: int, identity: Identity) -> None:
        self._to = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(identity.certificate, identity.key)
        self.port = 0
        self.shaken = 0

    async def __aenter__(self) -> TlsFront:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(ASKS_FOR_TLS)) == ASKS_FOR_TLS:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                self.shaken += 1
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
                await asyncio.wait(
                    [
                        asyncio.ensure_future(_carry(reader, up_writer)),
                        asyncio.ensure_future(_carry(up_reader, writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                up_writer.transport.abort()
        writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
