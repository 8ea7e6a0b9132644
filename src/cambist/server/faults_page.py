"""Prints the catalogue of faults as a page, where `type` of a problem document leads."""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.requests import Request

from cambist.faults import CATALOGUE, Blame, Code, Remedy
from cambist.server.answers import Answer, Header

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
_HTML: Final = b"text/html; charset=utf-8"
_NOTHING_ELSE: Final[Header] = (b"content-security-policy", b"default-src 'none'")
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>cambist: faults</title>
<h1>Faults</h1>
<p>Each fault has a stable code. Act on the code, show the sentence.</p>
{faults}
</html>
"""
_FAULT: Final = """\
<h2 id="{code}">{code}</h2>
<p>{sentence}</p>
<p>Who has to act: {blamed}. What follows: {remedy}.
HTTP status of a request refused for it: {status}.</p>
"""


def faults_page() -> bytes:
    """Return the page; each code is an anchor."""
    return _PAGE.format(faults="".join(map(_fault, Code))).encode()


def _fault(code: Code) -> str:
    entry = CATALOGUE[code]
    return _FAULT.format(
        code=escape(code),
        sentence=escape(entry.sentence),
        blamed=BLAMED[entry.blame],
        remedy=REMEDIES[entry.remedy],
        status=entry.status,
    )


_ANSWER: Final = Answer(200, faults_page(), _HTML, (_NOTHING_ELSE,))


async def show_faults(_request: Request) -> Answer:
    """Answer with the page."""
    return _ANSWER
