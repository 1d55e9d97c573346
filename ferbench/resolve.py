"""From names in a benchmark to specs: data under the user's folders, weights from files or recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ferbench.canonical import canonical_json, digest, file_digest
from ferbench.config import (
    AttributeChoice,
    Benchmark,
    DatasetChoice,
    EntryChoice,
    PreprocessorChoice,
    Recipe,
    WeightsChoice,
)
from ferbench.datasource import DataSource
from ferbench.entries import PreprocessorEntry
from ferbench.errors import ConfigError, DataError, LeakError, MissingWeightsError, WeightsError, unknown_name
from ferbench.labels import MIXTURE, check_relabel
from ferbench.options import Options, parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.sources import deriving_source, preparing_source, representation_source, training_sources
from ferbench.spec import (
    DerivedSpec,
    FileWeightsSpec,
    Json,
    PreparedSpec,
    RecipeWeightsSpec,
    RepresentationMetricSpec,
    TrainingSpec,
    WeightsSpec,
)


@dataclass
class Resolver:
    """Turns choices into specs and remembers what is behind them.

    Attributes:
        registry: installed plugins.
        weights: weights by name, of all benchmark files.
        data_root: parent folder of the user's data sets.
        base: folder that relative paths of weights start from.
        sources: data source by prepared spec's fingerprint, for preparation.
        files: path of file weights by SHA-256.
    """

    registry: Registry
    weights: Mapping[str, WeightsChoice] = field(default_factory=dict)
    data_root: Path | None = None
    base: Path = field(default_factory=Path)
    sources: dict[str, DataSource[Options]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    _memory: dict[str, Any] = field(default_factory=dict)
    _origins: dict[str, str] = field(default_factory=dict)
    _contents: dict[str, frozenset[str]] = field(default_factory=dict)

    def source(self, choice: DatasetChoice, where: str) -> DataSource[Options]:
        """Return the data source of a choice, made once.

        Raises:
            DataError: it needs a folder that is not there.
        """
        key = f"source {canonical_json(choice.model_dump(mode='json'))}"
        if key not in self._memory:
            provided = self.registry.dataset(choice.source or choice.name, where)
            options = parse_options(provided.entry.options, choice.options, f"{where}, data set {choice.name}")
            root = self._root(choice, provided.entry.folder) if provided.entry.needs_root else None
            self._memory[key] = import_factory(provided)(options, root)
        source: DataSource[Options] = self._memory[key]
        return source

    def _root(self, choice: DatasetChoice, shared: str | None) -> Path:
        """Return the folder of the data set's own name, or the one that it shares with others of its release."""
        alone = shared in (None, choice.name)
        if self.data_root is None:
            raise DataError(
                expected=f"a folder that holds the data set as '{choice.name}'" + ("" if alone else f" or '{shared}'"),
                found="no --data-root",
                where=f"the data set {choice.name}",
                remedy="give the parent folder of your data sets with --data-root DIR",
            )
        folders = [self.data_root / name for name in (choice.name, shared) if name is not None]
        found = next((folder for folder in folders if folder.is_dir()), None)
        if found is None:
            either = "" if alone else f", or in {shared}, which its release's data sets share"
            raise DataError(
                expected=f"the data set {choice.name} in its own folder below --data-root{either}",
                found="no such folder",
                where=str(folders[-1]),
                remedy="put the data set there, or leave it out: --select dataset=…",
            )
        return found

    def prepared_columns(self, choice: DatasetChoice, preprocessor: PreprocessorChoice, where: str) -> frozenset[str]:
        """Return the columns a data set will have when it is prepared: its own, found ones and derived ones."""
        found = self.registry.preprocessor(preprocessor.name, f"{where}, preprocessor").entry.gives
        derived = [self.registry.attribute(part.name, where).entry.gives for part in choice.derive]
        return self.columns(choice, where).union(found, *derived)

    def columns(self, choice: DatasetChoice, where: str) -> frozenset[str]:
        """Return the columns a data set has of its own."""
        key = f"columns {canonical_json(choice.model_dump(mode='json'))}"
        if key not in self._memory:
            self._memory[key] = self.source(choice, where).columns()
        columns: frozenset[str] = self._memory[key]
        return columns

    def prepared(self, choice: DatasetChoice, preprocessor: PreprocessorChoice, where: str) -> PreparedSpec:
        """Return the spec of a data set under a preprocessor.

        Raises:
            DataError: the data is not there, or lacks what the preprocessor needs.
        """
        key = f"prepared {canonical_json([choice.model_dump(mode='json'), preprocessor.model_dump(mode='json')])}"
        if key not in self._memory:
            self._memory[key] = self._prepared(choice, preprocessor, where)
        spec: PreparedSpec = self._memory[key]
        return spec

    def _prepared(self, choice: DatasetChoice, preprocessor: PreprocessorChoice, where: str) -> PreparedSpec:
        tool = self.registry.preprocessor(preprocessor.name, f"{where}, preprocessor")
        data = self.registry.dataset(choice.source or choice.name, where)
        source = self.source(choice, where)
        lacking = tool.entry.needs - self.columns(choice, where)
        if lacking:
            raise DataError(
                expected=f"the columns {', '.join(sorted(tool.entry.needs))}, which {preprocessor.name} needs",
                found=f"no {', '.join(sorted(lacking))}",
                where=f"the data set {choice.name}",
                remedy="choose a preprocessor that finds faces itself, or 'resize'",
            )
        options = parse_options(tool.entry.options, preprocessor.options, f"{where}, preprocessor {preprocessor.name}")
        classes = getattr(source, "classes", None) or data.entry.card.classes
        if classes:  # else they are known when the data is there
            check_relabel(choice.name, choice.relabel, classes)
        identity = source.identity()
        spec = PreparedSpec(
            dataset=choice.source or choice.name,
            options=source.deciding_options(),
            identity=digest(identity),
            preprocessor=preprocessor.name,
            preprocessor_options=options.model_dump(mode="json"),
            preprocessor_version=tool.entry.version,
            no_face=preprocessor.no_face,
            source=preparing_source(tool.package, data.package),
            hidden=tuple(sorted({MIXTURE, *data.entry.card.label_columns, *source.label_columns()})),
            weights=self._preprocessor_weights(preprocessor, tool.entry, where),
            no_face_test=preprocessor.no_face_test,
            relabel=choice.relabel,
            derived=tuple(self._derived(part, choice, preprocessor, where) for part in choice.derive),
        )
        self.sources[spec.fingerprint] = source
        # A generator draws other images from another seed; a user's folder holds the same under any option.
        self._origins[spec.fingerprint] = source.origin()
        self._contents[spec.fingerprint] = frozenset(identity.get("files", {}).values())
        return spec

    def _preprocessor_weights(
        self, choice: PreprocessorChoice, entry: PreprocessorEntry, where: str
    ) -> Mapping[str, str]:
        """Return the SHA-256 of each of a preprocessor's weights."""
        place = f"{where}, preprocessor {choice.name}, weights"
        if set(choice.weights) != set(entry.weights):
            raise ConfigError(
                expected=f"weights for the roles {', '.join(entry.weights)}" if entry.weights else "no weights",
                found=", ".join(choice.weights) or "none",
                where=place,
                remedy=f'{choice.name} takes exactly these: weights = {{ role = "a name of [weights]" }}',
            )
        return {role: self._detector_file(name, place).sha256 for role, name in choice.weights.items()}

    def _detector_file(self, name: str, where: str) -> FileWeightsSpec:
        choice = self._weights_choice(name, where)
        if choice.recipe is not None:
            raise ConfigError(
                expected="weights from a file (path and sha256)",
                found=f"{name}, a recipe",
                where=where,
                remedy="a preprocessor runs before anything is trained: give it a file",
            )
        return self._file(name, choice)

    def _derived(
        self, part: AttributeChoice, choice: DatasetChoice, preprocessor: PreprocessorChoice, where: str
    ) -> DerivedSpec:
        provided = self.registry.attribute(part.name, f"{where}, data set {choice.name}, derive")
        entry = provided.entry
        found = self.columns(choice, where) | self.registry.preprocessor(preprocessor.name, where).entry.gives
        lacking, present = entry.needs - found, set(entry.gives) & self.columns(choice, where)
        if lacking or present:
            what = f"has {', '.join(sorted(present))} itself" if present else f"has no {', '.join(sorted(lacking))}"
            raise ConfigError(
                expected=f"a data set with {', '.join(sorted(entry.needs)) or 'images'} and without "
                f"{', '.join(entry.gives)}, for {part.name}",
                found=f"{choice.name}, prepared by {preprocessor.name}, {what}",
                where=f"{where}, data set {choice.name}, derive",
                remedy="leave the derived attribute out" if present else "choose a preprocessor that finds landmarks",
            )
        options = parse_options(entry.options, part.options, f"{where}, derive {part.name}")
        source = deriving_source(provided.package)
        given = options.model_dump(mode="json")
        return DerivedSpec(part.name, given, entry.version, source, entry.gives, tuple(sorted(entry.needs)))

    def representation_metrics(self, benchmark: Benchmark) -> tuple[RepresentationMetricSpec, ...]:
        """Return the specs of the metrics that a benchmark takes of representations, in whatever order it names them.

        Raises:
            PluginError: one is not installed.
            ConfigError: its options are refused.
        """
        where = f"benchmark {benchmark.name}, representation_metrics"
        made = []
        for choice in sorted(benchmark.representation_metrics, key=lambda choice: choice.name):
            provided = self.registry.representation_metric(choice.name, where)
            options = parse_options(provided.entry.options, choice.options, f"{where}, {choice.name}")
            source = representation_source(provided.package)
            made.append(RepresentationMetricSpec(choice.name, options.model_dump(mode="json"), source))
        return tuple(made)

    def with_weights(self, spec: TrainingSpec, entry: EntryChoice, benchmark: Benchmark, where: str) -> TrainingSpec:
        """Return `spec` with the weights its entry names.

        Raises:
            ConfigError: unknown weights or a role that the method does not have.
            WeightsError: a file is missing or altered.
        """
        if not entry.weights:
            return spec
        roles = self.registry.method(entry.method, where).entry.weights
        resolved: dict[str, WeightsSpec] = {}
        for role, name in entry.weights.items():
            if not any(fnmatch(role, pattern) for pattern in roles):
                what, remedy = f"a role of {entry.method}", "correct the role"
                raise unknown_name(role, roles, what=what, where=f"{where}, weights", remedy=remedy)
            resolved[role] = self._weights(name, spec, benchmark, where)
        return replace(spec, weights=resolved)

    def _weights_choice(self, name: str, where: str) -> WeightsChoice:
        if name not in self.weights:
            remedy = f"define [weights.{name}] or correct the name"
            raise unknown_name(
                name, sorted(self.weights), what="weights defined in the file", where=where, remedy=remedy
            )
        return self.weights[name]

    def _weights(self, name: str, spec: TrainingSpec, benchmark: Benchmark, where: str) -> WeightsSpec:
        choice = self._weights_choice(name, f"{where}, weights")
        if choice.recipe is None:
            return self._file(name, choice)
        training = self._recipe(choice.recipe, spec, benchmark, f"weights {name}")
        return RecipeWeightsSpec(name, training, choice.recipe.keep_head)

    def _file(self, name: str, choice: WeightsChoice) -> FileWeightsSpec:
        key = f"file {name}"
        if key not in self._memory:
            assert choice.path is not None  # WeightsChoice: a file or a recipe
            path = self.base / Path(choice.path).expanduser()
            where = f"weights {name}: {path}"
            if not path.is_file():
                raise MissingWeightsError(
                    expected="a file of weights", found="no such file", where=where, remedy="correct the path"
                )
            found = file_digest(path)
            if found != choice.sha256:
                raise WeightsError(
                    expected=f"SHA-256 {choice.sha256}",
                    found=found,
                    where=where,
                    remedy="get the original file again, or correct the checksum if you meant another",
                )
            options = choice.model_dump(mode="json", exclude={"path", "sha256", "recipe"})
            self.files[found] = path
            self._memory[key] = FileWeightsSpec(name, found, options)
        spec: FileWeightsSpec = self._memory[key]
        return spec

    def _recipe(self, recipe: Recipe, spec: TrainingSpec, benchmark: Benchmark, where: str) -> TrainingSpec:
        """Return the training run of a recipe; on the cell's own data it runs on the fold's training part only."""
        choice = DatasetChoice(name=recipe.dataset, options=recipe.dataset_options)
        own = next((row for row in benchmark.dataset if row.name == recipe.dataset), None)
        if own is not None and not recipe.dataset_options:
            choice = own
        data = self.prepared(choice, recipe.preprocessor or benchmark.preprocessor, where)
        # Whoever holds out images of this data set must not have pretrained on them, in either direction.
        same_fold = data.fingerprint in {part.fingerprint for part in spec.prepared}
        form = not same_fold and self._related(data, spec)
        if form and not self._another_form(recipe, data, spec):
            raise LeakError(
                expected="a recipe on the cell's own data exactly as the cell has it, or on other data (another form "
                "of the cell's will do where both have subjects and the target is not the label)",
                found=f"{recipe.dataset} under other options or another preprocessor, or its images under another name",
                where=where,
                remedy="give recipe and benchmark the same options and preprocessor, or pretrain on another data set",
            )
        if same_fold or form:
            return self._on_the_fold(recipe, spec, data, where)
        return self._on_all(recipe, spec, data, where)

    def _another_form(self, recipe: Recipe, data: PreparedSpec, spec: TrainingSpec) -> bool:
        """Return whether subjects can tell which images of `data` are of the cell's training part.

        That both call the same subject the same is checked on the prepared data.
        """
        return (
            spec.test is None
            and recipe.target != "label"
            and self._origins[data.fingerprint] == self._origins[spec.data.fingerprint]
            and all("subject" in self.sources[part.fingerprint].columns() for part in (data, spec.data))
        )

    def _related(self, data: PreparedSpec, spec: TrainingSpec) -> bool:
        """Return whether images of `data` may be images of the cell's data: a common file, or the same origin."""
        return any(
            part.identity == data.identity
            or self._origins[part.fingerprint] == self._origins[data.fingerprint]
            or not self._contents[part.fingerprint].isdisjoint(self._contents[data.fingerprint])
            for part in spec.prepared
        )

    def _on_the_fold(self, recipe: Recipe, spec: TrainingSpec, data: PreparedSpec, where: str) -> TrainingSpec:
        """Return the run of a recipe on the fold's training part of the cell's own data, or of another form of them."""
        own = data.fingerprint == spec.data.fingerprint
        if not own and spec.test is not None:
            raise LeakError(
                expected="a recipe on other data than the cell's test data",
                found=f"{recipe.dataset}, which this cell is tested on",
                where=where,
                remedy="pretrain on another data set",
            )
        tested = spec.test.fingerprint if spec.test is not None else None
        key = [spec.protocol, spec.fold, spec.seed, spec.protocol_options, tested, spec.data.fingerprint]
        return self._remembered(
            f"recipe {where} {data.fingerprint} {canonical_json(key)}",
            # On the cell's own data the noise drawn on the labels must be the cell's.
            lambda: self._training(recipe, data, where, spec.protocol, seed=spec.seed, compute=spec.compute),
            test=spec.test,
            protocol_options=spec.protocol_options,
            protocol_label=spec.protocol_label,
            fold=spec.fold,
            fold_of=None if own else spec.data,
        )

    def _on_all(self, recipe: Recipe, spec: TrainingSpec, data: PreparedSpec, where: str) -> TrainingSpec:
        """Return the run of a recipe on all of other data."""
        key = f"recipe {where} {data.fingerprint} all {canonical_json(spec.compute)}"
        return self._remembered(
            key, lambda: self._training(recipe, data, where, "all", seed=recipe.seed, compute=spec.compute)
        )

    def _remembered(self, key: str, make: Callable[[], TrainingSpec], **more: Any) -> TrainingSpec:  # noqa: ANN401
        if key not in self._memory:
            self._memory[key] = replace(make(), **more)
        made: TrainingSpec = self._memory[key]
        return made

    def _training(
        self, recipe: Recipe, data: PreparedSpec, where: str, protocol: str, *, seed: int, compute: Json
    ) -> TrainingSpec:
        """Return a recipe's run under a protocol with its defaults."""
        method = self.registry.method(recipe.method, where)
        divided = self.registry.protocol(protocol, where)
        return TrainingSpec(
            data=data,
            target=recipe.target,
            target_edges=recipe.target_edges,
            method=recipe.method,
            options=parse_options(method.entry.config, recipe.options, where).model_dump(mode="json"),
            protocol=protocol,
            protocol_options=parse_options(divided.entry.options, {}, where).model_dump(mode="json"),
            protocol_label=protocol,
            fold=0,
            seed=seed,
            compute=compute,
            sources=training_sources(method.package, divided.package),
        )
