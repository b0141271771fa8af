"""The marks that plots are made of, as SVG; colours and letters are `models.css`'s."""

from collections.abc import Iterable

from markupsafe import Markup, escape


def frame(name: str, title: str, described: str, size: tuple[float, float], shapes: Iterable[str]) -> Markup:
    """The picture around the shapes, each of which is markup already."""
    return Markup(
        '<svg class="plot" viewBox="0 0 {w:g} {h:g}" role="img" aria-labelledby="{n}-t {n}-d">'
        '<title id="{n}-t">{t}</title><desc id="{n}-d">{d}</desc>{s}</svg>'
    ).format(w=size[0], h=size[1], n=name, t=title, d=described, s=Markup("").join(map(Markup, shapes)))


def dot(x: float, y: float, radius: float, *, hollow: bool = False, faint: bool = False) -> str:
    """A value."""
    kind = "hollow" if hollow else "faint" if faint else "dot"
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def bar(x: float, bottom: float, width: float, height: float, kind: str) -> str:
    """A column that stands on `bottom`."""
    return f'<rect class="{kind}" x="{x:.1f}" y="{bottom - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def upright(x: float, top: float, bottom: float, kind: str) -> str:
    """A line from top to bottom."""
    return f'<line class="{kind}" x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "ink") -> str:
    """A few words; `anchor` says which end of them is at `x`."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
