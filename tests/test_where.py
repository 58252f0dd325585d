"""Conditions on rows: what they keep, against Python's own reading of each row, and what is said of wrong ones."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.errors import InputError
from scalewright.where import parse_condition

ROWS = [
    ("c4", 1e8, 3.1),
    ("C4", 2e9, 2.5),
    ("it's", 7e10, float("nan")),
    ("", float("inf"), 2.0),
    ("a\\n b", -1.0, 0.0),
]
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def kept(condition, rows=ROWS):
    read = parse_condition(condition)
    texts, params, loss = zip(*rows, strict=True)
    numbers = {"params": np.array(params), "val/loss": np.array(loss)}
    held = read.holds({name: numbers[name] for name in read.numbers}, dict.fromkeys(read.texts, texts))
    return np.flatnonzero(held).tolist()


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("dataset == 'c4'", [0]),
        ('dataset == "c4" and params > 1e7', [0]),
        ("'c4' != dataset", [1, 2, 3, 4]),
        ("dataset == 'it''s'", [2]),
        ('dataset == "it\'s"', [2]),
        (r"dataset == 'a\n b'", [4]),
        ("dataset == ''", [3]),
        ("dataset < 'a'", [1, 3]),
        ("dataset in ('c4', 'C4')", [0, 1]),
        ("dataset in 'c4'", [0]),
        ("dataset not in ['c4', 'C4']", [2, 3, 4]),
        ("params in (1e8, -1)", [0, 4]),
        ("1e8 < params <= 70B", [1, 2]),
        ("1.5G > params", [0, 4]),
        ("1e8 >= params", [0, 4]),
        ("2e9 <= params", [1, 2, 3]),
        ("2e9 < params", [2, 3]),
        ("params == -1", [4]),
        ("params > 1e300", [3]),
        ("not (params > 1e9 or dataset == '')", [0, 4]),
        ("`val/loss` >= 2.5", [0, 1]),
        ("dataset == 'c4'\n and\n params > 1", [0]),
        # Not known of the third row, unless the rest decides.
        ("`val/loss` != 2.5", [0, 3, 4]),
        ("not `val/loss` == 2.5", [0, 3, 4]),
        ("`val/loss` not in (2.5, 3.1)", [3, 4]),
        ("`val/loss` > 3 or params > 1e9", [0, 1, 2, 3]),
        ("not (`val/loss` > 3 and params < 1)", [0, 1, 2, 3, 4]),
    ],
)
def test_what_is_kept(condition, rows):
    assert kept(condition) == rows


LEAVES = st.one_of(
    st.tuples(st.sampled_from(list(COMPARISONS)), st.integers(0, 3), st.booleans()).map(
        lambda it: (
            f"{it[1]} {it[0]} params" if it[2] else f"params {it[0]} {it[1]}",
            lambda text, params: COMPARISONS[it[0]](*((it[1], params) if it[2] else (params, it[1]))),
        )
    ),
    st.tuples(st.sampled_from(list(COMPARISONS)), st.sampled_from("abc")).map(
        lambda it: (f"dataset {it[0]} '{it[1]}'", lambda text, params: COMPARISONS[it[0]](text, it[1]))
    ),
    st.sets(st.integers(0, 3), min_size=1).map(
        lambda it: (f"params in ({', '.join(map(str, it))})", lambda text, params: params in it)
    ),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda it: (f"not ({it[0]})", lambda *row: not it[1](*row))),
        st.tuples(inner, inner).map(
            lambda it: (f"({it[0][0]}) and ({it[1][0]})", lambda *row: it[0][1](*row) and it[1][1](*row))
        ),
        st.tuples(inner, inner).map(
            lambda it: (f"({it[0][0]}) or ({it[1][0]})", lambda *row: it[0][1](*row) or it[1][1](*row))
        ),
    ),
    max_leaves=8,
)


@given(CONDITIONS, st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=9))
def test_a_row_is_kept_where_python_finds_the_condition_true(condition, rows):
    text, true = condition
    assert kept(text, [(*row, 0.0) for row in rows]) == [place for place, row in enumerate(rows) if true(*row)]


def test_columns_and_what_they_are_compared_with():
    condition = parse_condition("`a b` > 1 and c == 'x' and not `a b` == 'y' and `a b` != 3")
    assert (condition.numbers, condition.texts) == ({"a b"}, {"a b", "c"})
    # A name that looks like the reader's own mark for the other stays itself.
    condition = parse_condition("`a b` > 1 and _0 < 2")
    assert condition.numbers == {"a b", "_0"}


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("params", "params alone is no condition"),
        ("params > 1 and `val loss`", "`val loss` alone is no condition"),
        ("params = 3", "write == to compare"),
        ("dataset == c4", "c4 is compared as a column: .* text in quotes"),
        ("params > tokens", "tokens is compared as a column"),
        ("(a > 1) & (b > 2)", "write 'and', 'or' and 'not'"),
        ("train/loss > 3", "found train/loss: put names .* in backquotes"),
        ("'a b' > 3", "expected a column's name, found 'a b'"),
        ("1 < 2", "expected a column's name, found 1"),
        ("final == True", "put True in quotes"),
        ("params == None", "expected a number or text in quotes, found None"),
        ("params > 2 * 3", r"found 2 \* 3"),
        ("params > 3j", "found 3j"),
        ("params > f'{x}'", "trouble is at"),
        ("params > --1", "found --1"),
        ("params is 3", "write == and !="),
        ("params in ()", "some numbers or some text"),
        ("params in (1, 'x')", "some numbers or some text, not both"),
        ("params in tokens", "found tokens"),
        ("params > 70Q", "trouble is at '.*Q'"),
        ("params > 1 AND tokens > 2", "trouble is at 'AND"),
        ("(params > 1", "trouble is at"),
        ("dataset == 'c4", "trouble is at"),
        ("params > 1\0", "cannot read"),
        (f"params > 1{'0' * 400}", "cannot be read"),
        ("not " * 5000 + "params > 1", "nested too deeply"),
        ("(" * 500 + "params > 1" + ")" * 500, "cannot read"),
        ("__import__('os').system('false')", "is no comparison"),
        ("[params for params in dataset] == 1", "expected a column's name"),
        ("(lambda: 1)() == 1", "expected a column's name"),
    ],
)
def test_what_is_said_of_wrong_ones(condition, says):
    with pytest.raises(InputError, match=says) as caught:
        parse_condition(condition)
    message = str(caught.value)
    assert message.startswith("where: cannot read ")
    assert message.endswith("expected something like dataset == 'c4' and params > 1e8")
    assert "\n" not in message
    assert len(message) < 400
