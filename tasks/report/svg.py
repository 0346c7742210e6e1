"""From a matplotlib figure to SVG that fits any page: text as text, colors from the page's own, equal bytes each time.

Figures are drawn in stand-in colors; each becomes a CSS variable with a mid-tone for a picture that stands alone, so
that one picture reads on a light page, on a dark one, and by itself.
"""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, GRID, ACCENT, GOOD, LIMIT = "#010203", "#010204", "#010205", "#010206", "#010207", "#010208"
VARIABLES = {
    INK: "var(--ink, #777)", MUTED: "var(--muted, #888)", GRID: "var(--grid, #9996)",
    ACCENT: "var(--accent, #3a80d0)", GOOD: "var(--good, #2e9e5b)", LIMIT: "var(--limit, #cf5a45)",
}
UNSAID = ("Date", "Creator", "Format", "Type")
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "farrier", "font.size": 10.0, "text.color": INK, "axes.labelcolor": INK,
    "axes.edgecolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False, "grid.color": GRID,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "text.parse_math": False,
}


def drawn(figure: Figure, *, name: str, title: str, description: str) -> str:
    """The figure as one `<svg>` element; `name` keeps its ids apart from those of other figures on a page."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw the text, not ours
        figure.savefig(buffer, format="svg", transparent=True, metadata=dict.fromkeys(UNSAID))
    text = _own_ids(_bare(buffer.getvalue()), re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "figure")
    for stand_in, variable in VARIABLES.items():
        text = text.replace(stand_in, variable)
    return _described(text, title, description)


def _bare(text: str) -> str:
    """Without the XML prolog, the rules that would reach the whole page, and matplotlib's own font list."""
    text = text[text.index("<svg"):].strip()
    text = re.sub(r"<(style|metadata)\b.*?</\1>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", text)
    return re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 system-ui, sans-serif", text)


def _own_ids(text: str, name: str) -> str:
    """Ids that no other figure on the page has; those that nothing refers to are dropped."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))

    def renamed(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    text = re.sub(r' id="([^"]+)"', renamed, text)
    return re.sub(r'(url\(#|href="#)([^)"]+)', rf"\g<1>{name}-\g<2>", text)


def _described(text: str, title: str, description: str) -> str:
    """With a title and a description that a screen reader speaks, and as wide as its place."""
    head, body = text.split(">", 1)
    head = re.sub(r' (?:width|height|version)="[^"]*"', "", head)
    return (f'{head} role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
            f"<desc>{escape(description)}</desc>{body}")
