"""Serves the pages: Swagger UI and the catalogue of faults.

Shows the API to people: a page to read and try it, with nothing from any other server.

The page is Swagger UI, whose files come with `offapi` (the extra `cambist[docs]`). Without it the
page says so, and leads to the document and to the faults.
"""

from __future__ import annotations

import asyncio
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request

from cambist.faults import CATALOGUE, Code, Origin, Remedy, RequestRejected, fault
from cambist.server.html_pages import HTML, POLICY, HtmlPage, prepare_page, render_page
from cambist.server.responses import Header, Response

CARRIER: Final = "offapi"
_SCRIPT: Final = b"text/javascript; charset=utf-8"
_STYLE: Final = b"text/css; charset=utf-8"
# The pictures in the style sheet are data; everything else comes from here, as a file.
_POLICY: Final[Header] = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
_KEEP: Final[Header] = (b"cache-control", b"public, max-age=3600")

_DOCS_PAGE: Final = b"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cambist: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/ui/swagger-ui.css">
<div id="ui"></div>
<noscript>This page needs JavaScript; <a href="openapi.json">the document</a> does not.</noscript>
<script src="docs/ui/swagger-ui.js"></script>
<script src="docs/ui/start.js"></script>
</html>
"""
_START: Final = b"""\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
});
"""
_PLAIN: Final = """\
<h1>API</h1>
<p>The page to read and try the API is not installed:
<code>pip install 'cambist[docs]'</code>, then start the engine anew.</p>
<p>The same without it: <a href="openapi.json">openapi.json</a>, for any tool that reads
OpenAPI 3.1, and <a href="docs/faults">what each fault means</a>.</p>"""


class _File(NamedTuple):
    """A file of the page: its name in the package that carries it, and what it is."""

    name: str
    media_type: bytes


_FILES: Final = {
    "swagger-ui.js": _File("swagger_bundle.js", _SCRIPT),
    "swagger-ui.css": _File("swagger_style.css", _STYLE),
}
START: Final = "start.js"
PARTS: Final = (*_FILES, START)


class DocsPage:
    """Answers with the page and its files. `carrier` is the package that has them."""

    def __init__(self, carrier: str = CARRIER) -> None:
        self._folder = _folder(carrier)
        self._parts: dict[str, HtmlPage] = {START: prepare_page(_START, _SCRIPT, (_POLICY, _KEEP))}
        self._preparing = asyncio.Lock()
        self._page = prepare_page(render_page("cambist: API", _PLAIN), HTML, (POLICY,))
        if self._folder is not None:
            self._page = prepare_page(_DOCS_PAGE, HTML, (_POLICY,))

    async def show(self, request: Request) -> Response:
        """Answer with the page."""
        return self._page.choose(request)

    async def part(self, request: Request) -> Response:
        """Answer with a file of the page.

        Raises RequestRejected when there is none of that name.
        """
        name = request.path_params["name"]
        file = _FILES.get(name)
        if self._folder is None or (file is None and name != START):
            raise RequestRejected(fault(Code.NOT_FOUND))
        async with self._preparing:  # a megabyte is read and packed once, off the loop
            if file is not None and name not in self._parts:
                self._parts[name] = await asyncio.to_thread(_prepare, self._folder, file)
        return self._parts[name].choose(request)


def _prepare(folder: Path, file: _File) -> HtmlPage:
    return prepare_page((folder / file.name).read_bytes(), file.media_type, (_POLICY, _KEEP))


def _folder(carrier: str) -> Path | None:
    """Return where a package lies, without importing it; None unless it has every file."""
    spec = find_spec(carrier)
    places = spec.submodule_search_locations if spec is not None else None
    folder = Path(next(iter(places))) if places else None
    if folder is None or not all((folder / file.name).is_file() for file in _FILES.values()):
        return None
    return folder


BLAMED: Final = {
    Origin.USER: "the one who asked",
    Origin.VENUE: "the venue",
    Origin.CHAIN: "the chain",
    Origin.ENGINE: "the engine",
}
REMEDIES: Final = {
    Remedy.RETRY: "nothing happened; the engine tries again later",
    Remedy.REQUOTE: "nothing happened; the engine tries again with a fresh quote",
    Remedy.ASK_CHAIN: "unknown; only the chain can say what happened",
    Remedy.GIVE_UP: "final; the same again would end the same way",
}
_BODY: Final = """\
<h1>Faults</h1>
<p>Each fault has a stable code. Act on the code, show the sentence.
<a href="../docs">The API</a> names the codes of each operation.</p>
<nav aria-label="Codes">
<ul>
{index}
</ul>
</nav>
{faults}"""
_FAULT: Final = """\
<h2 id="{code}">{code}</h2>
<p>{sentence}</p>
<p>Who has to act: {blamed}. What follows: {remedy}.
HTTP status of a request refused for it: {status}.</p>
"""


def faults_page() -> bytes:
    """Return the page; each code is an anchor."""
    index = "\n".join(f'<li><a href="#{escape(code)}">{escape(code)}</a></li>' for code in Code)
    return render_page(
        "cambist: faults", _BODY.format(index=index, faults="".join(map(_fault, Code)))
    )


def _fault(code: Code) -> str:
    entry = CATALOGUE[code]
    return _FAULT.format(
        code=escape(code),
        sentence=escape(entry.sentence),
        blamed=BLAMED[entry.blame],
        remedy=REMEDIES[entry.remedy],
        status=entry.status,
    )


_READY: Final = prepare_page(faults_page(), HTML, (POLICY,))


async def show_faults(request: Request) -> Response:
    """Answer with the page."""
    return _READY.choose(request)
