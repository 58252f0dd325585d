"""Conditions on the rows of a table, such as `dataset == 'c4' and params > 1e8`."""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from scalewright.errors import InputError

Truth = NDArray[np.int8]
"""0 no, 1 not known since a number is missing, 2 yes: "and" is the smaller of two, "or" the larger, "not" what is left of 2."""

Columns = Mapping[str, NDArray[np.float64]]
Texts = Mapping[str, Sequence[str]]
Test = Callable[[Columns, Texts], Truth]

SUFFIXES = {"K": "e3", "M": "e6", "B": "e9", "G": "e9", "T": "e12"}
"""What may stand directly after a number, here and in the cells of a table, and the power of ten that it is."""

EXAMPLE = "dataset == 'c4' and params > 1e8"

_COMPARISONS: dict[type[ast.cmpop], np.ufunc] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
# What each becomes when its two sides change places.
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}

_MARKED = re.compile(r"""'(?:''|[^'])*'|"(?:""|[^"])*"|`[^`]*`|(?<![\w.])[0-9]+(?:\.[0-9]+)?[KMBTG]\b""")
_ONE_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")


@dataclass(frozen=True)
class Condition:
    """A condition that has been read.

    Attributes:
        text: As it was written.
        numbers: Names of the columns that it compares with numbers.
        texts: Names of the columns that it compares with text; a column may be in both.
    """

    text: str
    numbers: frozenset[str]
    texts: frozenset[str]
    _test: Test

    def holds(self, numbers: Columns, texts: Texts) -> NDArray[np.bool_]:
        """Which rows fulfil it [n], given the columns that it names [n], NaN for a missing number.

        Whether a missing number is larger than another is not known, as in SQL: such a row is kept only where the
        rest of the condition decides it. A missing text is the empty text.
        """
        return np.asarray(self._test(numbers, texts) == 2)


def parse_condition(text: str) -> Condition:
    """Reads a condition; nothing in it is ever executed.

    A condition compares columns with numbers or quoted text by `==`, `!=`, `<`, `<=`, `>`, `>=`, `in (...)` and
    `not in (...)`, also as in `1e8 <= params < 1e9`; `and`, `or`, `not` and parentheses join conditions. Names with
    other signs than letters, digits and `_` stand in backquotes. In quotes every sign stands for itself, and a
    doubled quote for one. A number may end in one of `SUFFIXES`: 70B is 70e9.

    Raises:
        InputError: it is anything else; the message shows the place and what to write instead.
    """
    reader = _Reader(text)
    try:
        test = reader.test(ast.parse(reader.marked, mode="eval").body)
    except SyntaxError as error:
        reader.refuse(reader.syntax(error))
    except (ValueError, OverflowError, RecursionError, MemoryError):
        reader.refuse("it is nested too deeply, or holds a sign or number that cannot be read")
    return Condition(text, frozenset(reader.numbers), frozenset(reader.texts), test)


class _Reader:
    """Turns the tree of a condition into a test, and remembers the columns that it meets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.numbers: set[str] = set()
        self.texts: set[str] = set()
        self.names: dict[str, str] = {}
        self.marked = _MARKED.sub(self._mark, text).replace("\n", " ").strip()

    def _mark(self, quoted: re.Match[str]) -> str:
        """What Python writes otherwise: text as a literal, a name in backquotes as a plain name, 70B as 70e9."""
        quote, inner = quoted[0][0], quoted[0][1:-1]
        if quote.isdigit():
            return quoted[0][:-1] + SUFFIXES[quoted[0][-1]]
        if quote != "`":
            return f" {inner.replace(2 * quote, quote)!r} "
        mark = f"_{len(self.names)}"
        while mark in self.text:
            mark += "_"
        self.names[mark] = inner
        return f" {mark} "

    def refuse(self, problem: str) -> NoReturn:
        raise InputError(f"where: cannot read {shown(self.text)}: {problem}; expected something like {EXAMPLE}")

    def syntax(self, error: SyntaxError) -> str:
        """What is wrong where Python cannot even parse."""
        if not self.marked:
            return "it is empty"
        if _ONE_EQUALS.search(_MARKED.sub("", self.text)):
            return "write == to compare"
        place = min(max(error.offset or 1, 1), len(self.marked)) - 1
        return f"the trouble is at {self._shown(self.marked[place : place + 20])!r}"

    def _source(self, node: ast.expr) -> str:
        return self._shown(ast.get_source_segment(self.marked, node) or self.marked)

    def _shown(self, marked: str) -> str:
        return re.sub(r"\b_\w+", lambda mark: f"`{self.names[mark[0]]}`" if mark[0] in self.names else mark[0], marked)

    def test(self, node: ast.expr) -> Test:
        match node:
            case ast.BoolOp(op=op, values=parts):
                tests = [self.test(part) for part in parts]
                join = np.minimum if isinstance(op, ast.And) else np.maximum
                return lambda numbers, texts: join.reduce([test(numbers, texts) for test in tests])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.test(operand)
                return lambda numbers, texts: np.int8(2) - inner(numbers, texts)
            case ast.Compare(left=left, ops=operators, comparators=others):
                sides = [left, *others]
                chain = [self.comparison(*pair) for pair in zip(sides, operators, others, strict=False)]
                return lambda numbers, texts: np.minimum.reduce([test(numbers, texts) for test in chain])
            case ast.Name() | ast.Constant():
                self.refuse(f"{self._source(node)} alone is no condition: compare it with something")
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()) | ast.UnaryOp(op=ast.Invert()):
                self.refuse("write 'and', 'or' and 'not' for &, | and ~")
            case _:
                self.refuse(f"{self._source(node)} is no comparison of a column")

    def comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Test:
        kind = type(operator)
        if isinstance(operator, ast.In | ast.NotIn):
            items = right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else [right]
            return self._among(self._name(left), [self._value(item) for item in items], kind is ast.In)
        if kind not in _COMPARISONS:
            self.refuse("write == and != for 'is' and 'is not'")
        if isinstance(left, ast.Name) and isinstance(right, ast.Name):
            found = self._source(right)
            self.refuse(f"{found} is compared as a column: a column is compared with a number or with text in quotes")
        if isinstance(right, ast.Name):
            left, right, kind = right, left, _TURNED.get(kind, kind)
        name, value, compare = self._name(left), self._value(right), _COMPARISONS[kind]
        if isinstance(value, str):
            self.texts.add(name)
            return lambda _, texts: 2 * compare(np.array(texts[name], object), value).astype(np.int8)
        self.numbers.add(name)
        return lambda numbers, _: _known(compare(numbers[name], value), numbers[name])

    def _among(self, name: str, values: Sequence[float | str], inside: bool) -> Test:
        chosen = set(values)
        kinds = {type(value) for value in chosen}
        if len(kinds) != 1:
            self.refuse(f"after 'in' give {name!r} some numbers or some text, not both")
        if kinds == {str}:
            self.texts.add(name)
            return lambda _, texts: np.array([2 * ((value in chosen) == inside) for value in texts[name]], np.int8)
        self.numbers.add(name)
        return lambda numbers, _: _known(np.isin(numbers[name], list(values)) == inside, numbers[name])

    def _name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        found = self._source(node)
        self.refuse(f"expected a column's name, found {found}: put names with signs such as blanks or / in backquotes")

    def _value(self, node: ast.expr) -> float | str:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Constant(value=bool()):
                self.refuse(f"put {self._source(node)} in quotes, as the file has it")
            case ast.Constant(value=int(number) | float(number)):
                return float(number)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float()) as operand):
                return -float(self._value(operand))
        self.refuse(f"expected a number or text in quotes, found {self._source(node)}")


def shown(found: object) -> str:
    """What was found, as a message shows it: in one line and not too long."""
    text = repr(found)
    return text if len(text) <= 80 else text[:77] + "..."


def _known(true: NDArray[np.bool_], values: NDArray[np.float64]) -> Truth:
    return np.where(np.isnan(values), 1, 2 * true).astype(np.int8)
