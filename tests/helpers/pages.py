"""Checks of HTML pages: elements and text, hostile names, and that a page loads nothing from elsewhere."""

import re
from html.parser import HTMLParser

HOSTILE = (
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=document.title='owned'>",
    "$\\frac{$",  # two dollar signs, since one alone does not start a formula
    "</style></math><svg onload=document.title='owned'>",
    "日本 & \x1b[31m\x00 {{ 7*7 }} 50%",
)


class Page(HTMLParser):
    """The elements of a page with their attributes, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    @property
    def values(self) -> list[str]:
        return [value for _, attributes in self.elements for value in attributes.values() if value]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def assert_self_contained(html: str) -> None:
    page = Page(html)
    assert page.count("script") == page.count("iframe") == page.count("object") == 0
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            target = attributes.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, target)
    styles = " ".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    styles += " ".join(attributes.get("style") or "" for _, attributes in page.elements)
    assert "@import" not in styles
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)", styles))
