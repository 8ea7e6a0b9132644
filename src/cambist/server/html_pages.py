"""Prepares pages for browsers: one style for all, and their bytes once plain and once packed."""

from __future__ import annotations

import gzip
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final, NamedTuple

from starlette.requests import Request

from cambist.server.compression import COMPRESSED_FROM_BYTES, ENCODING, VARY, wants_gzip
from cambist.server.responses import Header, Response

HTML: Final = b"text/html; charset=utf-8"
GZIP_LEVEL: Final = 6
"""The level of pages, which are compressed once."""

STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code, h2 { font-family: ui-monospace, monospace; } li { margin: .2rem 0; }
nav ul { columns: 14rem; list-style: none; padding: 0; }
a { color: LinkText; }
"""
_DIGEST: Final = b64encode(sha256(STYLE.encode()).digest())
POLICY: Final[Header] = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'sha256-%b'; img-src data:; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'" % _DIGEST,
)
"""The page's own style and an empty icon, and nothing else from anywhere."""

_FAULTS_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
{body}
</html>
"""


class HtmlPage(NamedTuple):
    """An answer that never changes, and its body packed with gzip, where that is worth it."""

    answer: Response
    packed: Response | None

    def choose(self, request: Request) -> Response:
        """Return the form that the client can read."""
        if self.packed is not None and wants_gzip(request):
            return self.packed
        return self.answer


def prepare_page(
    body: bytes, media_type: bytes = HTML, headers: tuple[Header, ...] = ()
) -> HtmlPage:
    """Prepare a page."""
    if len(body) < COMPRESSED_FROM_BYTES:
        return HtmlPage(Response(200, body, media_type, headers), None)
    packed = gzip.compress(body, GZIP_LEVEL, mtime=0)
    return HtmlPage(
        Response(200, body, media_type, (*headers, VARY)),
        Response(200, packed, media_type, (*headers, VARY, ENCODING)),
    )


def render_page(title: str, body: str) -> bytes:
    """Write a page in the style of all; `body` is HTML."""
    return _FAULTS_PAGE.format(title=escape(title), style=STYLE, body=body).encode()


def wants_html(request: Request) -> bool:
    """Whether a browser asks: it names HTML, which other clients do not."""
    return "text/html" in request.headers.get("accept", "").lower()
