"""The three data sets: columns, splits, labels, and the same bytes whoever renders them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest

from ferbench import DatasetEntry, DataSource, Site
from ferbench.options import parse_options
from ferbench_synthfaces.options import IdentityOptions, StudioOptions, WildOptions
from ferbench_synthfaces.plugin import ferbench_datasets
from ferbench_synthfaces.recipes import EXPRESSIONS, NEUTRAL
from ferbench_synthfaces.rows import render_rows
from ferbench_synthfaces.scenes import make_scene, stream
from ferbench_synthfaces.source import Identity, Studio, Wild
from ferbench_synthfaces.subjects import sample_traits

STUDIO = StudioOptions(subjects=4, resolution=64)
WILD = WildOptions(subjects=6, images_per_subject=10, resolution=48)
IDENTITY = IdentityOptions(subjects=3, images_per_subject=3, resolution=48)


def site(folder: Path, workers: int = 1) -> Site:
    """A site whose cache is a new folder."""
    return Site(cache=folder / "cache", workers=workers)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> datasets.Dataset:
    """Four subjects, seven expressions, five yaws."""
    return Studio(STUDIO).load(site(tmp_path_factory.mktemp("studio")))


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> datasets.Dataset:
    """Sixty images of six subjects."""
    return Wild(WILD).load(site(tmp_path_factory.mktemp("wild")))


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> datasets.Dataset:
    """Nine images of three subjects."""
    return Identity(IDENTITY).load(site(tmp_path_factory.mktemp("identity")))


ALL = pytest.mark.parametrize("name", ["studio", "wild", "identity"])


@ALL
def test_columns_are_those_announced(name: str, request: pytest.FixtureRequest) -> None:
    data: datasets.Dataset = request.getfixturevalue(name)
    assert set(data.column_names) == Studio(STUDIO).columns()
    assert data.features["label"].names == list(EXPRESSIONS)
    assert isinstance(data.features["image"], datasets.Image)
    assert set(data["domain"]) == {f"synthfaces-{name}"}


@ALL
def test_ids_are_unique_and_images_square(name: str, request: pytest.FixtureRequest) -> None:
    data: datasets.Dataset = request.getfixturevalue(name)
    assert len(set(data["id"])) == len(data)
    assert data[0]["image"].format == "PNG"
    size = {"studio": STUDIO, "wild": WILD, "identity": IDENTITY}[name].resolution
    assert np.asarray(data[0]["image"]).shape == (size, size, 3)


@ALL
def test_split_divides_subjects(name: str, request: pytest.FixtureRequest) -> None:
    data: datasets.Dataset = request.getfixturevalue(name)
    sides: dict[str, set[str]] = {subject: set() for subject in data["subject"]}
    for subject, side in zip(data["subject"], data["split"], strict=True):
        sides[subject].add(side)
    assert all(len(found) == 1 for found in sides.values())
    assert {side for found in sides.values() for side in found} == {"train", "test"}


@ALL
def test_label_is_the_greatest_share_of_the_mixture(name: str, request: pytest.FixtureRequest) -> None:
    data: datasets.Dataset = request.getfixturevalue(name)
    mixture = np.array(data["mixture"][:])
    np.testing.assert_allclose(mixture.sum(axis=1), 1, atol=1e-6)
    assert mixture.argmax(axis=1).tolist() == list(data["label"])


def test_studio_shows_every_expression_at_every_yaw(studio: datasets.Dataset) -> None:
    assert len(studio) == 4 * 7 * 5
    cells = set(zip(studio["subject"], studio["label"], (45 * round(yaw / 45) for yaw in studio["pose"]), strict=True))
    assert len(cells) == len(studio)
    assert studio[0]["id"] == "studio-s000-anger-y-90-0"


def test_only_the_wild_mixes_and_hides(studio: datasets.Dataset, wild: datasets.Dataset) -> None:
    assert set(studio["occluder"]) == {"none"}
    assert len(set(wild["occluder"])) > 1
    assert np.array(studio["mixture"][:]).max(axis=1).min() == 1
    assert np.array(wild["mixture"][:]).max(axis=1).min() < 1


def test_neutral_has_no_intensity(studio: datasets.Dataset) -> None:
    intensity, label = np.array(studio["intensity"][:]), np.array(studio["label"][:])
    assert (intensity[label == NEUTRAL] == 0).all()
    assert (intensity[label != NEUTRAL] >= STUDIO.intensity_low).all()


def test_frontal_landmarks_lie_in_the_image(studio: datasets.Dataset) -> None:
    frontal = studio.select(np.flatnonzero(np.abs(studio["pose"]) < 10))
    landmarks = np.array(frontal["landmarks"][:])
    assert landmarks.shape[1:] == (5, 2)
    assert (landmarks > 0).all()
    assert (landmarks < STUDIO.resolution).all()
    assert np.array(frontal["landmarks_visible"][:]).all()


def test_domains_have_different_people_under_the_same_seed() -> None:
    people = [sample_traits(stream(domain, 0, 0)) for domain in ("studio", "wild", "identity")]
    assert len({person.look.noise_seed for person in people}) == 3
    assert len({person.age for person in people}) == 3


def test_a_subject_keeps_face_and_colours_in_all_images(studio: datasets.Dataset) -> None:
    ages = {(row["subject"], row["age"], row["sex"], row["ancestry"]) for row in studio.remove_columns("image")}
    assert len(ages) == STUDIO.subjects


def pixels(data: datasets.Dataset) -> list[bytes]:
    return [image["bytes"] for image in data.cast_column("image", datasets.Image(decode=False))["image"]]


def test_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    options = StudioOptions(subjects=7, resolution=32)  # 245 images: two shards
    one = Studio(options).load(site(tmp_path / "one", workers=1))
    two = Studio(options).load(site(tmp_path / "two", workers=2))
    assert pixels(one) == pixels(two)
    assert one["landmarks"][:] == two["landmarks"][:]


def test_an_image_depends_on_no_other(wild: datasets.Dataset) -> None:
    alone = render_rows("wild", WILD, [(3, 7)])
    assert alone["image"][0]["bytes"] == pixels(wild)[37]


def test_more_subjects_leave_the_first_as_they_were() -> None:
    few, many = WildOptions(subjects=6), WildOptions(subjects=60)
    assert make_scene("wild", few, 2, 5) == make_scene("wild", many, 2, 5)


def test_another_seed_gives_other_people_and_scenes() -> None:
    here, there = WildOptions(seed=0), WildOptions(seed=1)
    assert make_scene("wild", here, 0, 0) != make_scene("wild", there, 0, 0)
    assert sample_traits(stream("wild", 0, 0)).age != sample_traits(stream("wild", 1, 0)).age


def test_identity_follows_the_options_and_is_cheap() -> None:
    first = Studio(STUDIO).identity()
    start = time.perf_counter()
    again = Studio(StudioOptions(subjects=4, resolution=64)).identity()
    assert time.perf_counter() - start < 0.02
    assert first == again
    assert first != Studio(STUDIO.model_copy(update={"seed": 1})).identity()
    assert first["domain"] != Wild(WILD).identity()["domain"]


def test_identity_imports_nothing_heavy() -> None:
    program = (
        "import sys; from ferbench_synthfaces.plugin import ferbench_datasets;"
        "from ferbench_synthfaces.source import Studio; from ferbench_synthfaces.options import StudioOptions;"
        "ferbench_datasets(); Studio(StudioOptions()).identity();"
        "heavy = {'cv2', 'datasets', 'torch', 'pyarrow', 'anny'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("entry", ferbench_datasets(), ids=lambda entry: entry.name)
def test_entries_name_data_sources_and_say_that_they_are_synthetic(entry: DatasetEntry) -> None:
    import importlib

    module, name = entry.factory.split(":")
    assert issubclass(getattr(importlib.import_module(module), name), DataSource)
    assert not entry.needs_root
    assert entry.card.classes == EXPRESSIONS
    for words in ("Synthetic", "not validated by human raters", "No substitute for real faces"):
        assert words in entry.card.notes


def test_options_come_from_toml() -> None:
    options = parse_options(StudioOptions, {"subjects": 3, "yaws": [0, 30.5]}, "benchmarks.toml")
    assert options.images_of_one() == 14
    assert options.yaws == (0.0, 30.5)
