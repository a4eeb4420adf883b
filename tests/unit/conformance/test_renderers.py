"""The renderers: well-formed, faithful to hostile text, links that lead somewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from installations import Make
from markdown_it import MarkdownIt

from pacs_framework.conformance.as_html import to_html
from pacs_framework.conformance.as_json import plain, to_json
from pacs_framework.conformance.as_markdown import to_markdown
from pacs_framework.conformance.compose import compose
from pacs_framework.conformance.document import Bullets, Contents, Document, Section, Table, Text
from pacs_framework.conformance.document import numbered as number
from pacs_framework.conformance.records import Remark, Topic

HOSTILE = (
    '<script>alert("1")</script>',
    "a | b",
    "[link](http://example.org)",
    "*bold* _em_ `code` ~~gone~~",
    "&lt;b&gt; &amp;",
    "back\\slash",
    "# heading",
    "1. item",
    "- item",
    "two\nlines",
)
VOID = {"meta", "br", "hr"}


class Page(HTMLParser):
    """Reads a page: text, ids, links; and fails at tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if given.get("id") else []
        self.links += [given["href"]] if given.get("href") else []
        assert not {"src", "onload", "onclick"} & given.keys()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def hostile_document() -> Document:
    blocks = (
        *map(Text, HOSTILE),
        Bullets(HOSTILE),
        Table(HOSTILE[0], HOSTILE[:2], tuple((text, text) for text in HOSTILE)),
        Contents(),
    )
    sections = number([Section(title=text, blocks=blocks) for text in HOSTILE])
    return Document(title=HOSTILE[0], cover=Table("", ("", ""), ()), sections=sections)


def shown(text: str) -> str:
    return " ".join(text.split())


def test_html_nests_and_shows_hostile_text_as_it_is() -> None:
    page = Page(to_html(hostile_document()))
    assert page.open == []
    assert not {"script", "img", "link", "iframe", "b"} & page.tags
    for text in HOSTILE:
        assert page.texts.count(shown(text)) == len(HOSTILE) * 4 + (text in HOSTILE[:2]) * 10 + (
            text == HOSTILE[0]
        ) * (2 + 10)


def test_markdown_shows_hostile_text_as_it_is() -> None:
    """A CommonMark renderer finds no markup in it but ours."""
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    page = Page(rendered.render(to_markdown(hostile_document())))
    assert page.open == []
    assert not {"script", "strong", "code", "s", "b", "ol", "blockquote"} & page.tags
    assert all(link.startswith("#") for link in page.links)
    whole = "\n".join(page.texts)
    for text in HOSTILE:
        # Paragraph, list, two cells for each section that has them; heading and contents beside.
        assert whole.count(shown(text)) >= len(HOSTILE) * 5 + 1, text


def test_every_link_of_the_html_contents_resolves_once(make: Make) -> None:
    document = compose(make(), "")
    page = Page(to_html(document))
    assert len(page.links) == len(list(document.walk())) > 70
    for link in page.links:
        assert page.ids.count(link.removeprefix("#")) == 1, link


def test_every_link_of_the_markdown_contents_leads_to_a_heading(make: Make) -> None:
    """As code hosts give addresses to headings: without punctuation, hyphens for spaces."""
    text = to_markdown(compose(make(settings={"archive": {"aet": "A-B_C d.(e)"}}), ""))
    headings = re.findall(r"^#{1,4} (.+)$", text, re.MULTILINE)
    addresses = [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings]
    links = [each.removeprefix("#") for each in Page(MarkdownIt("commonmark").render(text)).links]
    assert links == addresses[1:]
    assert len(links) == len(set(links)) > 60


def test_html_loads_nothing_and_needs_no_script(make: Make) -> None:
    text = to_html(compose(make(), "2026-01-02"))
    page = Page(text)
    assert page.open == []
    assert {"html", "head", "title", "body", "table"} <= page.tags
    assert not {"script", "link", "img"} & page.tags
    assert not re.search(r"url\(|@import|src=", text)


def test_who_de_identifies_says_so_in_both_places(make: Make) -> None:
    """The overview and the chapter on security; without anybody, they say that."""
    nobody = to_markdown(compose(make(), ""))
    assert nobody.count("No active part of the archive de-identifies.") == 2
    statement = make([Remark(topic=Topic.DE_IDENTIFICATION, text="By a profile of the site.")])
    text = to_markdown(compose(statement, ""))
    assert text.count("By a profile of the site.") == 2
    assert "de-identifies" not in text


def test_json_comes_back_as_it_went(make: Make) -> None:
    statement = make([Remark(topic=Topic.STORAGE, text='ünï "quoted" </script>')])
    text = to_json(statement, "2026-01-02")
    assert json.loads(text) == json.loads(json.dumps(plain(statement, "2026-01-02")))
    assert json.loads(text)["remarks"][0]["text"] == 'ünï "quoted" </script>'
    assert to_json(make(), "") == to_json(make(), "")


def test_a_date_is_there_only_where_it_was_asked_for(make: Make) -> None:
    dated, undated = compose(make(), "2026-01-02"), compose(make(), "")
    assert "2026-01-02" in to_markdown(dated)
    assert "Date |" not in to_markdown(undated).partition("## 1 ")[0]


def test_a_table_whose_row_has_too_few_cells_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a row has not 2 cells"):
        Table("keys", ("a", "b"), (("1",),))


def test_sections_are_numbered_and_annexes_keep_their_label() -> None:
    inner = Section(title="inner")
    sections = number([Section(title="a"), Section(title="x", label="A.A", sections=(inner,))])
    assert [s.number for top in sections for s in top.walk()] == ["1", "A.A", "A.A.1"]
    assert inner.anchor == "s-a-a-1"
