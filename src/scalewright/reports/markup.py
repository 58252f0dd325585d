"""HTML from data: everything is escaped, unless it is markup that was made here."""

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def markup(value: object) -> Markup:
    """The HTML that shows `value`."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """An element; `class_` gives the attribute `class`, None leaves an attribute out."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{given}>{''.join(markup(part) for part in content)}</{tag}>")


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1, wide: bool = False) -> Markup:
    """A table that scrolls sideways where it must.

    Args:
        head: titles of the columns.
        rows: cells.
        words: so many columns from the left hold words; the others hold numbers.
        wide: as wide as the page, not as its content.
    """
    kinds = [None, *["prose"] * (words - 1), *["number"] * (len(head) - words)]
    titles = [element("th", title, scope="col", class_=kind) for title, kind in zip(head, kinds, strict=True)]
    body = [
        element("tr", *(element("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    parts = element("thead", element("tr", *titles)), element("tbody", *body)
    whole = element("table", *parts, class_="wide" if wide else None)
    return element("div", whole, class_="scroll", tabindex=0)


def badge(text: str, kind: str) -> Markup:
    """A small label; `kind` names its colour in the style sheet."""
    return element("span", text, class_=f"badge {kind}")
