"""`ferbench data`: list data sets, show their layout, verify a copy, write a replica, prepare those of a benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferbench.cli.options import AsJson, Config, DataRoot, load, options_of

if TYPE_CHECKING:
    from ferbench.data.contents import Contents
    from ferbench.data.verify import Verification
    from ferbench.datasource import DataSource
    from ferbench.options import Options

data_app = typer.Typer(help="Data sets: list, layout, verify, replica, prepare.", no_args_is_help=True)

Workers = Annotated[int | None, typer.Option("--workers", metavar="N", min=1, help="Processes; one a core by default.")]
Name = Annotated[str, typer.Argument(metavar="DATASET", help="An installed data set; 'ferbench data list' has them.")]


@data_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List installed data sets with their cards."""
    from ferbench.plugins import discover

    rows = []
    for name, provided in sorted(discover().all("datasets").items()):
        card = provided.entry.card
        rows.append(
            {
                "name": name,
                "title": card.title,
                "classes": list(card.classes) if card.classes else None,
                "attributes": list(card.attributes),
                "licence": card.licence,
                "homepage": card.homepage,
                "citation": card.citation,
                "notes": card.notes,
                "needs_root": provided.entry.needs_root,
                "folder": provided.entry.folder,
                "replica": provided.entry.replica is not None,
                "distribution": provided.distribution,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        below = f"/{row['folder']}" if row["folder"] else ""
        place = f"your files, under --data-root{below}" if row["needs_root"] else "made or fetched by the plugin"
        typer.echo(f"{row['name']}: {row['title']} ({place}; licence: {row['licence'] or 'not stated'})")
        if row["notes"]:
            typer.echo(f"    {row['notes']}")


@data_app.command("prepare")
def prepare_command(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A data set of the benchmark.")],
    benchmark: Annotated[
        str, typer.Option("--benchmark", help="Whose options and preprocessor are used.")
    ] = "quickstart",
    config: Config = None,
    data_root: DataRoot = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Render or read a data set and preprocess it once, as a benchmark will use it."""
    from rich.console import Console

    from ferbench.data.store import Store
    from ferbench.errors import unknown_name
    from ferbench.run.display import RunDisplay
    from ferbench.run.session import cores, prepare_all

    registry, (listed,) = load([benchmark], config, data_root)
    names = {choice.name: choice for choice in listed.benchmark.dataset}
    if dataset not in names:
        what = f"a data set of the benchmark {benchmark}"
        remedy = "or name another benchmark with --benchmark"
        raise unknown_name(dataset, names, what=what, where="the command line", remedy=remedy)
    resolver = listed.resolver(registry, data_root)
    spec = resolver.prepared(names[dataset], listed.benchmark.preprocessor, f"benchmark {benchmark}")
    with RunDisplay(Console(stderr=True)) as display:
        prepare_all([spec], resolver, registry, workers or cores(), display.bar)
    store = Store.open(spec)
    summary = {
        "dataset": dataset,
        "folder": str(store.folder),
        "images": store.info["images"],
        "shape": store.info["shape"],
        "classes": list(store.classes),
        "no_face": store.info["no_face"]["count"],
        "fingerprint": Path(store.folder).name,
    }
    typer.echo(json.dumps(summary, indent=1) if as_json else "\n".join(f"{k}: {v}" for k, v in summary.items()))


@data_app.command("layout")
def layout_command(dataset: Name, as_json: AsJson = False) -> None:
    """Show the files and codes that a data set has as released, its numbers, and where to ask for it."""
    from ferbench.plugins import discover

    provided = discover().dataset(dataset, "the command line")
    card = provided.entry.card
    facts = {
        "classes": ", ".join(card.classes or ()),
        "counts": ", ".join(f"{name}: {count:,}" for name, count in card.counts),
        "columns": ", ".join(card.attributes),
        "folder": f"{provided.entry.folder}, or one of its own name" if provided.entry.folder else "",
        "licence": card.licence,
        "where to ask": card.homepage,
        "citation": card.citation,
        "notes": card.notes,
    }
    if as_json:
        counts = dict(card.counts)
        typer.echo(json.dumps({"name": dataset, "title": card.title, "layout": card.layout, **facts, "counts": counts}))
        return
    tree = card.layout.strip("\n") or (
        "(the plugin makes or fetches it: there is nothing to lay out)" if not provided.entry.needs_root else "(none)"
    )
    typer.echo(f"{dataset}: {card.title}\n\n{tree}\n")
    for name, text in facts.items():
        if text:
            typer.echo(f"{name + ':':<14}{text}")


@data_app.command("verify")
def verify_command(  # noqa: PLR0913  one parameter an option
    dataset: Name,
    data_root: Annotated[
        Path | None, typer.Option("--data-root", metavar="DIR", help="The data set's own folder.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="An option of the data set, as in TOML.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", metavar="FILE", help="Compare with this manifest of another copy.")
    ] = None,
    write_manifest: Annotated[
        Path | None, typer.Option("--write-manifest", metavar="FILE", help="Write a manifest for others to compare.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="CHECK", help="Tell such differences, but let the copy pass: duplicate, …"),
    ] = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Verify a copy: structure, counts, damaged and repeated images, leaks between parts, contents.

    Exit code 1 when anything differs from what is expected and is not accepted.
    """
    from ferbench.data.contents import Contents
    from ferbench.options import parse_options
    from ferbench.places import write_atomically
    from ferbench.plugins import discover, import_factory
    from ferbench.run.session import cores

    accepted = _checks(accept or [])
    provided = discover().dataset(dataset, "the command line")
    options = parse_options(provided.entry.options, options_of(option or []), f"data set {dataset}, --option")
    source = import_factory(provided)(options, _own_folder(dataset, data_root, needed=provided.entry.needs_root))
    known = Contents.read(manifest) if manifest is not None else None
    found = _verified(source, dataset, known, workers or cores())
    if write_manifest is not None:
        write_atomically(write_manifest, found.contents.write())
    typer.echo(json.dumps(found.as_json(), indent=1) if as_json else _told(found))
    raise typer.Exit(1 if any(finding.check not in accepted for finding in found.findings) else 0)


def _verified(source: DataSource[Options], name: str, known: Contents | None, workers: int) -> Verification:
    """Verify under a progress bar, in the cache that preparation would use too."""
    from rich.console import Console

    from ferbench.canonical import digest
    from ferbench.data.prepare import source_cache
    from ferbench.data.verify import verify
    from ferbench.datasource import Site
    from ferbench.run.display import RunDisplay

    cache = source_cache(name, digest(source.identity()), source.deciding_options())
    with RunDisplay(Console(stderr=True)) as display:
        site = Site(cache, workers, display.bar)
        return verify(source, name, known=known, workers=workers, site=site, progress=display.bar)


def _own_folder(dataset: str, folder: Path | None, *, needed: bool) -> Path | None:
    from ferbench.errors import ConfigError, DataError

    if not needed:
        if folder is not None:
            raise ConfigError(
                expected=f"no folder for {dataset}: its plugin makes or fetches it",
                found=f"--data-root {folder}",
                where="the command line",
                remedy="leave it out; options are given with --option KEY=VALUE",
            )
        return None
    if folder is None or not folder.is_dir():
        raise DataError(
            expected=f"the folder of {dataset}",
            found="no such folder" if folder is not None else "no --data-root",
            where=f"--data-root {folder}" if folder is not None else "the command line",
            remedy=f"give it with --data-root DIR; 'ferbench data layout {dataset}' shows what it holds",
        )
    return folder


def _checks(names: list[str]) -> set[str]:
    from typing import get_args

    from ferbench.data.findings import Check
    from ferbench.errors import unknown_name

    known = get_args(Check)
    for name in names:
        if name not in known:
            raise unknown_name(name, known, what="a check", where="--accept")
    return set(names)


def _told(found: Verification) -> str:
    """Return a verification as text: counts side by side, then every difference."""
    from tabulate import tabulate

    names = [*found.expected, *(name for name in found.counts if name not in found.expected)]
    rows = [
        [name, found.expected.get(name, "–" if not found.expected else 0), found.counts.get(name, 0)] for name in names
    ]
    parts = [f"{found.dataset}: {found.images:,} images" + (f" ({found.copy_of})" if found.copy_of else "")]
    if rows:
        parts.append(tabulate(rows, headers=["", "expected", "found"], tablefmt="plain"))
    for finding in found.findings:
        told = f"{finding.check}: expected {finding.expected}; found {finding.found}; in {finding.where}"
        parts.append(told + "".join(f"\n    {item}" for item in finding.items[:20]))
    parts.append(f"contents: {found.contents.digest}")
    count = len(found.findings)
    parts.append("nothing differs" if not count else f"{count} difference{'s' if count > 1 else ''}")
    return "\n\n".join(parts)


@data_app.command("replica")
def replica_command(
    dataset: Name,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder: the data set's own.")],
    subjects: Annotated[int, typer.Option("--subjects", metavar="N", min=2, help="How many people to draw.")] = 12,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write synthetic images exactly in a data set's official layout, to try loaders and benchmarks without it."""
    from rich.console import Console

    from ferbench.data.replica import ReplicaSite, write_replica
    from ferbench.plugins import discover
    from ferbench.run.display import RunDisplay

    provided = discover().dataset(dataset, "the command line")
    with RunDisplay(Console(stderr=True)) as display:
        written = write_replica(provided, ReplicaSite(out, subjects, seed, display.bar))
    if as_json:
        typer.echo(json.dumps({key: value for key, value in written.items() if key != "files"}, indent=1))
        return
    typer.echo(f"{out}: {written['note']} {len(written['files']):,} files.")
