"""Convert a matplotlib figure to inline SVG with the colours and fonts of the page.

Matplotlib draws with the light colours below; this module replaces them by CSS variables. So one drawing works for
light, dark and print. Names are plain text: no mathtext, and the XML serialiser escapes every string.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib import style
from matplotlib.figure import Figure as Canvas

INK, MUTED, GRID, PAPER = "#1b2230", "#5a6474", "#dfe3ea", "#fdfdfe"
ALL, SOME, NONE = "#0067a5", "#c85200", "#6f7888"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--card",
    ALL: "--all",
    SOME: "--some",
    NONE: "--none",
}
SETTINGS = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "extrapolate",
    "svg.image_inline": True,
    "font.size": 11.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "axes.unicode_minus": True,
}
NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
REFERENCE = re.compile(r"url\(#([^)]+)\)")


@contextmanager
def drawing() -> Iterator[None]:
    """Context for all drawing: matplotlib reads its settings when an artist is created."""
    with style.context(["default", SETTINGS]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")  # the browser has the font
        yield


def to_svg(canvas: Canvas, label: str, prefix: str) -> Markup:
    """Return the drawing as inline SVG with the label `label`; `prefix` makes its ids unique on the page."""
    buffer = io.StringIO()
    canvas.savefig(buffer, format="svg", transparent=True, dpi=144, metadata=NO_METADATA)
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if _name(child.tag) in ("metadata", "style"):
                parent.remove(child)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        element.tag = _name(element.tag)
        attributes = {_name(key): text for key, text in element.attrib.items()}
        element.attrib.clear()
        element.attrib.update(_attributes(attributes, used, prefix))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", label)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _name(qualified: str) -> str:
    return qualified.rpartition("}")[2]


def _references(element: ElementTree.Element) -> list[str]:
    found = [name for text in element.attrib.values() for name in REFERENCE.findall(text)]
    links = [text for key, text in element.attrib.items() if _name(key) == "href"]
    return found + [link[1:] for link in links if link.startswith("#")]


def _attributes(attributes: dict[str, str], used: set[str], prefix: str) -> dict[str, str]:
    renamed = {}
    for key, text in attributes.items():
        if key == "id":
            if text in used:
                renamed[key] = f"{prefix}-{text}"
        elif key == "href" and text.startswith("#"):
            renamed[key] = f"#{prefix}-{text[1:]}"
        else:
            text = REFERENCE.sub(lambda found: f"url(#{prefix}-{found[1]})", text)
            renamed[key] = _apply_theme(text) if key == "style" else text
    return renamed


def _apply_theme(css: str) -> str:
    for colour, variable in VARIABLES.items():
        css = css.replace(colour, f"var({variable}, {colour})")
    return css
