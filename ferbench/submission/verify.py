"""`ferbench verify-submission`: does every figure follow from the predictions, and are those of the right images?"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ferbench.catalogue import Listed, choose
from ferbench.columns import Column, columns_of
from ferbench.config import Benchmark
from ferbench.datasource import ProgressBar
from ferbench.errors import DataError, FerbenchError, RecordError, StorageError
from ferbench.plugins import Registry
from ferbench.records import RECORD, SUMS, RecordStore
from ferbench.resolve import Resolver
from ferbench.run.session import cores, prepare_all
from ferbench.sources import core_source
from ferbench.submission.archive import MANIFEST, RefusedArchiveError, unpack
from ferbench.submission.cell import Submitted, not_recomputed, problems_of
from ferbench.submission.content import Manifest, RecordContent, RefusedContentError, SubmittedCell, read_model
from ferbench.submission.ground import Ground, ground
from ferbench.submission.rows import Place, check_rows, name_of
from ferbench.submission.verdict import Verdict


@dataclass(frozen=True)
class Verifier:
    """Somebody who was sent submissions, with plugins, benchmark files and data of their own.

    Attributes:
        registry: installed plugins.
        listed: known benchmarks.
        data_root: parent folder of data sets.
        progress: makes a bar for long work.
    """

    registry: Registry
    listed: Mapping[str, Listed]
    data_root: Path | None
    progress: ProgressBar

    @contextmanager
    def opened(self, file: Path) -> Iterator[tuple[Verdict, Manifest | None, RecordStore]]:
        """Verify a file; inside, the unpacked records are there.

        Args:
            file: the submission.

        Raises:
            StorageError: this machine has no room.
        """
        with tempfile.TemporaryDirectory(prefix="ferbench-verify-") as folder:
            store, verdict = RecordStore(Path(folder)), Verdict()
            manifest = None
            try:
                unpack(file, store.root)
                manifest = read_model(store.root / MANIFEST, Manifest)
            except RefusedArchiveError as error:
                verdict.refuse(file.name, str(error))
            except RefusedContentError as error:
                verdict.refuse(MANIFEST, str(error))
            if manifest is not None:
                try:
                    self._verify(manifest, store, verdict)
                except StorageError:
                    raise
                except FerbenchError as error:  # one file's trouble is not the others'
                    verdict.refuse(error.where, str(error))
            yield verdict, manifest, store

    def benchmark(self, name: str) -> tuple[Benchmark, Resolver]:
        """Return a benchmark as it is known here, and what resolves it.

        Raises:
            ConfigError: it is not known.
        """
        (listed,) = choose([name], dict(self.listed))
        return listed.benchmark, listed.resolver(self.registry, self.data_root)

    def _verify(self, manifest: Manifest, store: RecordStore, verdict: Verdict) -> None:
        verdict.benchmark = manifest.benchmark
        entries = [cell.entry for cell in manifest.cells]
        counts = Counter(entries)
        verdict.rows = {entry: counts[entry] for entry in manifest.rows}
        if manifest.benchmark not in self.listed:
            verdict.refuse(f"the benchmark {manifest.benchmark}", "is not known here: --config names another file")
            return
        benchmark, resolver = self.benchmark(manifest.benchmark)
        columns = {
            (column.place.label, column.protocol.label): column
            for column in columns_of(benchmark, self.registry, resolver)
        }
        check_rows(manifest, store, benchmark, columns, verdict)
        contents = _contents(manifest, store, verdict)
        if verdict.findings:
            return  # what has the wrong shape is not compared with anything
        for entry, row in manifest.rows.items():
            method = self.registry.all("methods").get(row.method)
            if method is not None and list(method.entry.test_inputs) != row.test_inputs:
                verdict.refuse(
                    entry, f"its method sees {list(method.entry.test_inputs)} at test, not {row.test_inputs}"
                )
        used = {(cell.dataset, cell.protocol): columns[cell.dataset, cell.protocol] for cell in manifest.cells}
        self._prepare(list(used.values()), resolver)
        self._check_cells(manifest, contents, store, _Grounds(benchmark, used, resolver), verdict)

    def _prepare(self, columns: Sequence[Column], resolver: Resolver) -> None:
        for column in columns:
            if not column.data:
                raise DataError(
                    expected=f"the data of {column.place.label}, to compare the submission with",
                    found=column.problem,
                    where=f"{column.place.label}, {column.protocol.label}",
                    remedy="give the parent folder of your data sets with --data-root DIR",
                )
        specs = [part for column in columns for part in column.data]
        prepare_all(specs, resolver, self.registry, cores(), self.progress)

    def _check_cells(
        self,
        manifest: Manifest,
        contents: Mapping[str, RecordContent],
        store: RecordStore,
        grounds: Callable[[SubmittedCell], Ground],
        verdict: Verdict,
    ) -> None:
        unknown: set[str] = set()
        older = 0
        with self.progress("verifying", len(manifest.cells)) as advance:
            for cell in manifest.cells:
                content = contents[cell.id]
                submitted = Submitted(cell, manifest.rows[cell.entry], store.records / cell.id, content)
                for problem in problems_of(submitted, grounds(cell), self.registry):
                    verdict.refuse(name_of(cell), problem)
                unknown |= not_recomputed(content, self.registry)
                sources = content.spec.get("sources")
                older += not isinstance(sources, Mapping) or sources.get("core") != core_source()
                advance(1)
        if unknown:
            verdict.notes.append(f"not recomputed, since no plugin here has them: {', '.join(sorted(unknown))}")
        if older:
            verdict.notes.append(f"{older} of {len(manifest.cells)} cells were trained by another version of ferbench")
        accounts = [content.measured for content in contents.values() if content.measured is not None]
        measured = {name for account in accounts for name in account.metrics}
        if measured:
            verdict.notes.append(
                f"as the submitter measured them, since no predictions give them: {', '.join(sorted(measured))}"
            )


@dataclass
class _Grounds:
    """Divides each fold once, whichever rows are tested on it."""

    benchmark: Benchmark
    columns: Mapping[Place, Column]
    resolver: Resolver
    _known: dict[tuple[Place, int, int], Ground] = field(default_factory=dict)

    def __call__(self, cell: SubmittedCell) -> Ground:
        place = (cell.dataset, cell.protocol)
        key = (place, cell.fold, cell.seed)
        if key not in self._known:
            self._known[key] = ground(self.benchmark, self.columns[place], cell.fold, cell.seed, self.resolver)
        return self._known[key]


def _contents(manifest: Manifest, store: RecordStore, verdict: Verdict) -> dict[str, RecordContent]:
    """Read each record once its hashes have been checked."""
    contents: dict[str, RecordContent] = {}
    for identity in sorted({cell.id for cell in manifest.cells} & store.done()):
        folder = store.records / identity
        where = f"record {identity[:12]}"
        try:
            _check_sums(folder)
            content = read_model(folder / RECORD, RecordContent)  # first: it reads no deeper than is sound
            store.read(identity)
            contents[identity] = content
        except RecordError as error:
            verdict.refuse(where, f"{error.expected} expected, {error.found}")
        except RefusedContentError as error:
            verdict.refuse(where, str(error))
    return contents


def _check_sums(folder: Path) -> None:
    """A list of hashes names exactly the files beside it: a path out of the folder would be read otherwise."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except (OSError, ValueError) as error:
        raise RefusedContentError(f"no readable {SUMS}") from error
    listed = sorted(line.partition("  ")[2] for line in lines)
    there = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    if listed != there:
        raise RefusedContentError(f"{SUMS} lists {', '.join(listed)[:200]}; there are {', '.join(there)}")
