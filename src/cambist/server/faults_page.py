"""Prints the catalogue of faults as a page, where `type` of a problem document leads."""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.requests import Request

from cambist.faults import CATALOGUE, Blame, Code, Remedy
from cambist.server.html_pages import HTML, POLICY, page, written
from cambist.server.responses import Answer

BLAMED: Final = {
    Blame.USER: "the one who asked",
    Blame.VENUE: "the venue",
    Blame.CHAIN: "the chain",
    Blame.HOUSE: "the engine",
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
    return written("cambist: faults", _BODY.format(index=index, faults="".join(map(_fault, Code))))


def _fault(code: Code) -> str:
    entry = CATALOGUE[code]
    return _FAULT.format(
        code=escape(code),
        sentence=escape(entry.sentence),
        blamed=BLAMED[entry.blame],
        remedy=REMEDIES[entry.remedy],
        status=entry.status,
    )


_READY: Final = page(faults_page(), HTML, (POLICY,))


async def show_faults(request: Request) -> Answer:
    """Answer with the page."""
    return _READY.choose(request)
