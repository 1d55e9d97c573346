"""`ferbench data`: list data sets, prepare those of a benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ferbench.cli.options import AsJson, Config, DataRoot, load

data_app = typer.Typer(help="Data sets: list them, prepare them.", no_args_is_help=True)


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
                "distribution": provided.distribution,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        place = "your files, under --data-root" if row["needs_root"] else "made or fetched by the plugin"
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
    as_json: AsJson = False,
) -> None:
    """Render or read a data set and preprocess it once, as a benchmark will use it."""
    from rich.console import Console

    from ferbench.data.store import Store
    from ferbench.errors import ConfigError, closest
    from ferbench.run.display import RunDisplay
    from ferbench.run.session import cores, prepare_all

    registry, (listed,) = load([benchmark], config, data_root)
    names = {choice.name: choice for choice in listed.benchmark.dataset}
    if dataset not in names:
        raise ConfigError(
            expected=f"a data set of the benchmark {benchmark}: {', '.join(names)}",
            found=repr(dataset),
            where="the command line",
            remedy=f"{closest(dataset, names)}or name another benchmark with --benchmark",
        )
    resolver = listed.resolver(registry, data_root)
    spec = resolver.prepared(names[dataset], listed.benchmark.preprocessor, f"benchmark {benchmark}")
    with RunDisplay(Console(stderr=True)) as display:
        prepare_all([spec], resolver, registry, cores(), display.bar)
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
