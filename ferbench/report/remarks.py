"""What a reader of a figure must know of its test data: classes left out, images without a face, permuted labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ferbench.report.sheet import SheetCell

TREATED = {
    "wrong": "they count as wrong",
    "leave-out": "they are left out of the test",
    "center-crop": "a centre crop stands in their place",
}


@dataclass
class _Faces:
    """Test images of a column, over its folds."""

    folds: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    treated: str = ""


@dataclass
class Remarks:
    """Remarks on the columns of a leaderboard, gathered from the records behind it."""

    _classes: dict[str, Mapping[str, list[str]]] = field(default_factory=dict)
    _faces: dict[tuple[str, str], _Faces] = field(default_factory=dict)
    _unmeasured: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    _runs: Counter[str] = field(default_factory=Counter)
    _warnings: dict[str, None] = field(default_factory=dict)

    def add(self, cell: SheetCell, content: Mapping[str, Any]) -> None:
        """Take what the record of a cell says."""
        notes = content.get("fold_notes", {})
        if any(notes.get("classes_dropped", {}).values()):
            self._classes[cell.dataset] = notes["classes_dropped"]
        if "no_face" in notes:
            faces = self._faces.setdefault((cell.dataset, cell.protocol), _Faces())
            told = notes["no_face"]
            faces.folds[cell.fold] = (told["test"], content["samples"]["test"], told["left_out"])
            faces.treated = told["test_images"]
        place = f"{cell.entry} on {cell.dataset}, {cell.protocol}"
        self._runs[place] += 1
        for metric, reason in content.get("representation", {}).get("left_out", {}).items():
            self._unmeasured.setdefault((place, reason), Counter())[metric] += 1
        for warning in content.get("warnings", []):
            self._warnings[f"**Warning**, {place}, fold {cell.fold}, seed {cell.seed}: {warning}"] = None

    def lines(self) -> list[str]:
        """Return the remarks, one sentence each."""
        made = [f"{dataset}: {_dropped(parts)}." for dataset, parts in self._classes.items()]
        made += [f"{dataset}, {protocol}: {_faceless(faces)}." for (dataset, protocol), faces in self._faces.items()]
        for (place, reason), metrics in self._unmeasured.items():
            runs = self._runs[place]
            told = [name if count == runs else f"{name} ({count} of {runs} runs)" for name, count in metrics.items()]
            made.append(f"{place}: not measured, since {reason}: {'; '.join(told)}.")
        return [*made, *(f"{warning}." for warning in self._warnings)]


def _dropped(parts: Mapping[str, list[str]]) -> str:
    told = [f"{', '.join(names)} (of the {part} data)" for part, names in parts.items() if names]
    return f"classes that only one of the two has are left out: {'; '.join(told)}"


def _faceless(faces: _Faces) -> str:
    faceless, tested, left_out = (sum(values) for values in zip(*faces.folds.values(), strict=True))
    return f"no face was found in {faceless} of {tested + left_out} test images; {TREATED[faces.treated]}"
