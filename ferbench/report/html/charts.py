"""Pictures of one row as inline SVG: confusion matrix, recall by class, reliability.

Colours and fonts are the page's style sheet's, so that both follow the reader's colour scheme.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ferbench.metrics.classification import BINS
from ferbench.report.html.evidence import Evidence
from ferbench.report.html.wording import fill

CELL, LETTER, LINE, GAP = 40, 7.2, 22, 8
SHADE = 0.6
"""Opacity of a full cell: the page's text colour stays readable on it."""
LONGEST = 22
WIDEST = 540


def svg(width: float, height: float, title: str, description: str, parts: Sequence[Markup]) -> Markup:
    """Return a picture with its text alternative."""
    fits = "fits" if width <= WIDEST else ""  # shrunk to a narrow screen; a wider one would be unreadable and scrolls
    head = fill(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" width="{}" class="{}" role="img" aria-label="{}">',
        f"{width:.0f}", f"{height:.0f}", f"{width:.0f}", fits, f"{title}. {description}",
    )  # fmt: skip
    return Markup("\n").join(
        [head, fill("<title>{}</title><desc>{}</desc>", title, description), *parts, Markup("</svg>")]
    )


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "", longest: int = LONGEST) -> Markup:
    """Return words at a place; `kind` is a class of the style sheet."""
    template = '<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>'
    return fill(template, f"{x:.1f}", f"{y:.1f}", anchor, kind, shortened(words, longest))


def shortened(words: str, longest: int = LONGEST) -> str:
    """Return words that fit beside a picture."""
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def _margin(names: Sequence[str]) -> float:
    return GAP + LETTER * max((len(shortened(name)) for name in names), default=0)


def confusion(evidence: Evidence) -> Markup:
    """Draw the matrix: shades are shares of the true class, numbers are counts over all cells."""
    names, matrix, recalls = evidence.classes, evidence.matrix, evidence.recalls
    left = _margin(names) + LINE + GAP
    top = _margin(names) * 0.72 + LINE + GAP
    size = CELL * len(names)
    parts = [text(left + size / 2, 14, "predicted", "middle", "axis")]
    parts.append(
        fill('<text transform="translate(14 {}) rotate(-90)" text-anchor="middle" class="axis">true</text>',
             f"{top + size / 2:.1f}")
    )  # fmt: skip
    for i, name in enumerate(names):
        middle = left + (i + 0.5) * CELL
        parts.append(text(left - GAP, top + (i + 0.5) * CELL + 5, name, "end"))
        parts.append(
            fill('<text transform="translate({} {}) rotate(-45)">{}</text>',
                 f"{middle:.1f}", f"{top - GAP:.1f}", shortened(name))
        )  # fmt: skip
        total = int(matrix[i].sum())
        for j, made in enumerate(names):
            share = matrix[i, j] / total if total else 0.0
            parts.append(_cell(left + j * CELL, top + i * CELL, share, int(matrix[i, j]), f"{name} → {made}"))
    told = [f"{name} {recall:.0%}" for name, recall in zip(names, recalls, strict=True) if recall is not None]
    return svg(
        left + size + _margin(names) * 0.75, top + size + 2, f"Confusion matrix of {' / '.join(evidence.place)}",
        f"Share of each true class predicted as itself: {', '.join(told)}. All counts are in the table below.", parts,
    )  # fmt: skip


def _cell(x: float, y: float, share: float, count: int, pair: str) -> Markup:
    tip = f"{pair}: {count} ({share:.1%} of the true class)"
    box = fill(
        '<rect x="{}" y="{}" width="{}" height="{}" class="heat" fill-opacity="{}"><title>{}</title></rect>',
        f"{x:.1f}", f"{y:.1f}", CELL, CELL, f"{share * SHADE:.3f}", tip,
    )  # fmt: skip
    return box + text(x + CELL / 2, y + CELL / 2 + 5, str(count), "middle", "count")


def recall(evidence: Evidence) -> Markup:
    """Draw a bar for each class."""
    names, recalls = evidence.classes, evidence.recalls
    left, width = _margin(names), 180.0
    parts = []
    for i, (name, value) in enumerate(zip(names, recalls, strict=True)):
        y = i * LINE + 4
        parts.append(text(left - GAP, y + 14, name, "end"))
        parts.append(fill('<rect x="{}" y="{}" width="{}" height="16" class="track"/>', f"{left:.1f}", y, width))
        if value is not None:
            bar = '<rect x="{}" y="{}" width="{}" height="16" class="bar"/>'
            parts.append(fill(bar, f"{left:.1f}", y, f"{value * width:.1f}"))
        parts.append(text(left + width + GAP, y + 14, "not tested" if value is None else f"{value:.1%}"))
    told = [
        f"{name} {'not in the test data' if value is None else f'{value:.1%}'}"
        for name, value in zip(names, recalls, strict=True)
    ]
    title = f"Recall by class of {' / '.join(evidence.place)}"
    return svg(left + width + 84, len(names) * LINE + 8, title, f"{', '.join(told)}.", parts)


def reliability(evidence: Evidence) -> Markup:
    """Draw accuracy by bin of confidence against the diagonal of perfect calibration."""
    left, top, size = 66.0, 12.0, 220.0
    parts = [fill('<rect x="{}" y="{}" width="{}" height="{}" class="track"/>', left, top, size, size)]
    told = []
    for i, (samples, confidence, correct) in enumerate(evidence.bins):
        if not samples:
            continue
        accuracy, mean = correct / samples, confidence / samples
        tip = f"confidence {mean:.1%}, accuracy {accuracy:.1%}, {samples:.0f} predictions"
        told.append(tip)
        bar = '<rect x="{}" y="{}" width="{}" height="{}" class="bar"><title>{}</title></rect>'
        x, y = left + i * size / BINS + 0.5, top + (1 - accuracy) * size
        parts.append(fill(bar, f"{x:.1f}", f"{y:.1f}", f"{size / BINS - 1:.1f}", f"{accuracy * size:.1f}", tip))
    line = '<line x1="{}" y1="{}" x2="{}" y2="{}" class="ideal"/>'
    parts.append(fill(line, left, top + size, left + size, top))
    for share in (0.0, 0.5, 1.0):
        parts.append(text(left - 6, top + (1 - share) * size + 5, f"{share:.0%}", "end"))
        parts.append(text(left + share * size, top + size + 18, f"{share:.0%}", "middle"))
    parts.append(text(left + size / 2, top + size + 36, "confidence", "middle", "axis"))
    turned = '<text transform="translate(12 {}) rotate(-90)" text-anchor="middle" class="axis">accuracy</text>'
    parts.append(fill(turned, f"{top + size / 2:.1f}"))
    title = f"Reliability of {' / '.join(evidence.place)}"
    return svg(left + size + 24, top + size + 44, title, f"Bins of confidence: {'; '.join(told)}.", parts)
