"""Keep floats out of every file in which a number may be money."""

import ast

import pytest

from tests.architecture.tree import money_files, parsed, place

DIVISIONS = {"truediv", "itruediv"}


def floats_in(tree: ast.AST) -> list[tuple[int, str]]:
    """List each float and each true division with its line."""
    return sorted(
        (node.lineno, sin)
        for node in ast.walk(tree)
        if isinstance(node, ast.expr | ast.stmt) and (sin := _float(node) or _division(node))
    )


def _float(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id="float") | ast.Attribute(attr="float"):
            return "the name float"
        case ast.Constant(value=float() | complex() as number):
            return f"the literal {number}"
        case ast.Constant(value=str() as text) if _is_annotation(text):
            return f"the annotation {text!r}"
    return None


def _division(node: ast.AST) -> str | None:
    match node:
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return "a true division"
        case ast.ImportFrom(names=names) if DIVISIONS & {alias.name for alias in names}:
            return "a true division by name"
        case ast.Attribute(attr=name) if name in DIVISIONS:
            return "a true division by name"
    return None


def _is_annotation(text: str) -> bool:
    """Tell a quoted type such as "float | None" from prose that mentions the word."""
    words = text.replace("|", " ").replace("[", " ").replace("]", " ").replace(",", " ").split()
    return "float" in words and len(words) <= 3 and "\n" not in text


def test_no_float_reaches_money() -> None:
    found = [
        f"{place(path)}:{line}: {what}"
        for path in money_files()
        for line, what in floats_in(parsed(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "sin",
    [
        "price: float = 0",
        "def fee(amount: 'float | None'): ...",
        "def fee(amount: list[float]): ...",
        "amount = float(text)",
        "import builtins\namount = builtins.float(text)",
        "fee = amount * 0.003",
        "fee = 1e6",
        "turn = 1j",
        "price = amount_out / amount_in",
        "price /= 2",
        "from operator import truediv",
        "import operator\nprice = operator.truediv(a, b)",
        "x = [lambda a: [b / a for b in (1, 2)]]",
    ],
)
def test_a_planted_float_is_found(sin: str) -> None:
    assert floats_in(ast.parse(sin))


@pytest.mark.parametrize(
    "virtue",
    [
        "price = amount_out // amount_in",
        "amount = 1_000_000",
        "path = 'swap/v1.5'",
        "'''Never a float: amounts are integers.'''",
        "from fractions import Fraction\nratio = Fraction(1, 3)",
        "isinstance(value, int)",
    ],
)
def test_exact_arithmetic_passes(virtue: str) -> None:
    assert not floats_in(ast.parse(virtue))
