"""What a browser makes of a piece of HTML: its elements, texts and tables."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str) -> list["Element"]:
        below = [child for child in self.children if isinstance(child, Element)]
        return [e for child in below for e in ([child] if child.tag == tag else []) + child.all(tag)]


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.path = [Element("root", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Element(tag, {name: value or "" for name, value in attrs})
        self.path[-1].children.append(found)
        if tag not in VOID:
            self.path.append(found)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.path[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.path[-1].tag == tag, f"</{tag}> closes <{self.path[-1].tag}>"
        self.path.pop()

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)


def parse(html: str) -> Element:
    """The tree of a page; an element that is not closed where it should be is an error."""
    tree = _Tree()
    tree.feed(html)
    tree.close()
    assert len(tree.path) == 1, f"<{tree.path[-1].tag}> is never closed"
    return tree.path[0]


def rows(html: str) -> list[list[str]]:
    """Texts of the cells of a table's body, row by row, no-break spaces as plain ones."""
    return [
        [cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in row.all("td")]
        for row in parse(html).all("tr")
        if row.all("td")
    ]
