from hypothesis import example, given
from hypothesis import strategies as st

from scalewright.reports.markup import Markup, badge, element, table

from .parsing import parse, rows

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")))


@given(TEXT, TEXT)
@example("<script>alert(1)</script>", '" onload="alert(1)')
@example("&amp; &lt;", "&quot;'")
def test_text_and_attributes_come_out_as_they_went_in(text: str, title: str) -> None:
    (found,) = parse(element("p", text, title=title)).all("p")
    assert found.text == text
    assert found.attributes == {"title": title}
    assert not found.all("script")


def test_markup_is_kept_and_its_sum_with_text_is_text_again() -> None:
    inner = element("b", "<x>")
    assert element("p", inner) == "<p><b>&lt;x&gt;</b></p>"
    # A sum may hold unescaped text: it counts as text.
    assert "&lt;b&gt;" in element("p", inner + "<y>")


def test_attributes_without_a_value_are_left_out() -> None:
    assert element("td", "1", class_=None, data_plot="a") == '<td data-plot="a">1</td>'


def test_tables_keep_their_cells_and_right_align_numbers() -> None:
    made = table(("name", "1 < 2"), [("a & b", "3"), (badge("<i>", "plain"), "4")])
    assert rows(made) == [["a & b", "3"], ["<i>", "4"]]
    tree = parse(made)
    assert [cell.text for cell in tree.all("th")] == ["name", "1 < 2"]
    assert [cell.attributes.get("class") for cell in tree.all("td")] == [None, "number", None, "number"]
    assert isinstance(made, Markup)
