"""Jobs: what a worker is asked to do. A cell leaves a record, a weights recipe leaves weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ferbench.plan import DONE, UNAVAILABLE, Cell
from ferbench.spec import RecipeWeightsSpec, TrainingSpec
from ferbench.trained import weights_ready


class Stopped(Exception):  # noqa: N818  not an error: the user wants it so
    """The run was interrupted; the cell resumes from its checkpoint."""


@dataclass(frozen=True)
class Job:
    """One unit of work.

    Attributes:
        spec: what to train.
        title: for people.
        recipe: the weights it makes; None for a cell.
        weight_files: path of each weights file by SHA-256.
        keep: keep the parameters of the selected epoch beside the record.
    """

    spec: TrainingSpec
    title: str
    recipe: RecipeWeightsSpec | None = None
    weight_files: Mapping[str, Path] = field(default_factory=dict)
    keep: bool = False

    @property
    def id(self) -> str:
        """The id of the cell or the weights."""
        return self.spec.id

    @property
    def needs(self) -> frozenset[str]:
        """Ids of the weights jobs that must have finished."""
        return frozenset(recipe.training.id for recipe in self.spec.recipes)


def failure(job: Job, error: str, traceback: str) -> dict[str, object]:
    """Return the content of a failure record."""
    return {"id": job.id, "title": job.title, "error": error, "traceback": traceback, "spec": job.spec.as_json}


def jobs_for(cells: Iterable[Cell], weight_files: Mapping[str, Path], *, keep: bool) -> list[Job]:
    """Return the jobs for the cells that are not done: weights recipes that are not ready first, each once."""
    jobs: dict[str, Job] = {}
    work: list[Job] = []
    for cell in cells:
        if cell.spec is None or cell.state in {DONE, UNAVAILABLE}:
            continue
        _add_recipes(cell.spec, jobs, weight_files)
        title = f"{cell.entry} · {cell.dataset} · {cell.protocol} · fold {cell.fold} · seed {cell.seed}"
        work.append(Job(cell.spec, title, weight_files=weight_files, keep=keep))
    unique = {job.id: job for job in work}
    return [*jobs.values(), *unique.values()]


def _add_recipes(spec: TrainingSpec, jobs: dict[str, Job], weight_files: Mapping[str, Path]) -> None:
    for recipe in spec.recipes:
        if recipe.training.id in jobs or weights_ready(recipe.training.id):
            continue
        _add_recipes(recipe.training, jobs, weight_files)
        jobs[recipe.training.id] = Job(recipe.training, f"weights {recipe.name}", recipe, weight_files)
