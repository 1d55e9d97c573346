"""Benchmark files and options: what is wrong is told with its place, what was allowed, and what may have been meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ferbench import Options
from ferbench.config import read_benchmarks
from ferbench.errors import ConfigError, InputError
from ferbench.options import NoOptions, parse_options

SOUND: dict[str, Any] = {
    "benchmark": {
        "quick": {
            "title": "two rows",
            "preprocessor": {"name": "resize", "options": {"size": 48}},
            "seeds": [0, 1],
            "metrics": ["accuracy"],
            "compute": {"threads": 2},
            "dataset": [{"name": "toy"}, {"name": "big", "source": "toy", "options": {"size": 64}}],
            "protocol": [
                {"name": "official", "datasets": ["toy"]},
                {"name": "cross-dataset", "pairs": [["toy", "big"]]},
            ],
            "entry": [{"name": "Net", "method": "toy-net", "options": {"epochs": 3}, "weights": {"backbone": "faces"}}],
        }
    },
    "weights": {
        "faces": {"path": "faces.pth", "sha256": "0" * 64},
        "own": {"recipe": {"dataset": "toy", "method": "toy-net", "preprocessor": {"name": "resize"}}},
    },
}


def toml(value: Any) -> str:
    """Return an inline TOML value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    return json.dumps(value)


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return the sound file with one value set."""
    document: dict[str, Any] = json.loads(json.dumps(SOUND))
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return document


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(document: dict[str, Any]) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text("".join(f"{key} = {toml(value)}\n" for key, value in document.items()))
        return path

    return write


def test_a_sound_file_is_read_with_defaults(written: Any) -> None:
    file = read_benchmarks(written(SOUND))
    benchmark = file.benchmark["quick"]
    assert benchmark.name == "quick"
    assert benchmark.rank_by == "validation"
    assert benchmark.seeds == (0, 1)
    assert benchmark.compute.threads == 2
    assert benchmark.compute.precision == "fp32"
    assert benchmark.protocol[1].pairs == (("toy", "big"),)
    assert file.weights["own"].recipe is not None
    assert file.weights["own"].recipe.target == "label"


B = ("benchmark", "quick")


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        (("benchmarks",), "benchmark"),
        ((*B, "seed"), "seeds"),
        ((*B, "dataset", 1, "sourc"), "source"),
        ((*B, "protocol", 0, "dataset"), "datasets"),
        ((*B, "entry", 0, "weight"), "weights"),
        ((*B, "preprocessor", "noface"), "no_face"),
        ((*B, "compute", "thread"), "threads"),
        (("weights", "faces", "sha265"), "sha256"),
        (("weights", "own", "recipe", "keephead"), "keep_head"),
        (("weights", "own", "recipe", "preprocessor", "option"), "options"),
    ],
)
def test_an_unknown_key_is_refused_where_it_stands(written: Any, path: tuple[str | int, ...], suggestion: str) -> None:
    place = ".".join(str(part) for part in path)
    with pytest.raises(ConfigError, match=rf"mine\.toml, at {place}; did you mean '{suggestion}'\?") as caught:
        read_benchmarks(written(changed(path, 1)))
    assert caught.value.found == f"the unknown key {path[-1]!r}"


@pytest.mark.parametrize("name", ["entry", "recipe", "preprocessor"])
def test_a_benchmark_may_be_called_like_a_key(written: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'metrics'\?"):
        read_benchmarks(written({"benchmark": {name: {**SOUND["benchmark"]["quick"], "metric": ["x"]}}}))


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ((*B, "seeds"), ["0"], "'0'"),
        ((*B, "seeds"), [1.5], "1.5"),
        ((*B, "seeds"), 3, "3"),
        ((*B, "title"), 3, "3"),
        ((*B, "compute", "threads"), "two", "'two'"),
        ((*B, "compute", "threads"), True, "True"),
        ((*B, "compute", "threads"), 0, "0"),
        ((*B, "compute", "precision"), "fp8", "'fp8'"),
        ((*B, "preprocessor", "no_face"), "ignore", "'ignore'"),
        ((*B, "rank_by"), "oracle", "'oracle'"),
        ((*B, "entry", 0, "options"), [1], "[1]"),
        ((*B, "entry"), [], "[]"),
        ((*B, "protocol", 1, "pairs"), [["toy"]], "nothing"),
        (("weights", "faces", "keep_head"), "yes", "'yes'"),
    ],
)
def test_a_wrong_type_or_value_is_refused_and_quoted(
    written: Any,
    path: tuple[str | int, ...],
    value: object,
    found: str,
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_benchmarks(written(changed(path, value)))
    assert caught.value.found == found
    assert ".".join(str(part) for part in path) in caught.value.where


@pytest.mark.parametrize("key", ["dataset", "protocol", "entry", "preprocessor"])
def test_a_missing_table_is_told(written: Any, key: str) -> None:
    document = json.loads(json.dumps(SOUND))
    del document["benchmark"]["quick"][key]
    with pytest.raises(ConfigError, match=f"field required; found nothing; in .*at benchmark.quick.{key}"):
        read_benchmarks(written(document))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*B, "dataset", 1, "name"), "toy", "every dataset name once; 'toy' stands twice"),
        ((*B, "entry"), SOUND["benchmark"]["quick"]["entry"] * 2, "every entry name once; 'Net' stands twice"),
        ((*B, "seeds"), [1, 2, 1], "every seed once"),
        ((*B, "metrics"), ["accuracy", "accuracy"], "every metric once"),
        ((*B, "protocol"), [{"name": "official"}, {"name": "official"}], "every protocol once"),
        (("weights", "faces"), {}, "either a file .path and sha256. or a recipe"),
        (("weights", "own", "path"), "x.pth", "either a file .path and sha256. or a recipe"),
        (("weights", "faces"), {"path": "faces.pth"}, "a sha256 beside the path: sha256sum FILE prints it"),
    ],
)
def test_contradictions_are_refused(written: Any, path: tuple[str | int, ...], value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_benchmarks(written(changed(path, value)))


def test_a_protocol_may_stand_twice_with_other_options(written: Any) -> None:
    twice = [{"name": "label-noise", "options": {"rate": rate}} for rate in (0.1, 0.2)]
    assert len(read_benchmarks(written(changed((*B, "protocol"), twice))).benchmark["quick"].protocol) == 2


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "mine.toml")
    with pytest.raises(InputError, match=r"a readable benchmark file; .*mine.toml; give the right file with --config"):
        read_benchmarks(tmp_path / "mine.toml")


@pytest.mark.parametrize("content", [b"[benchmark", b"a = 1\na = 2\n", b"\xff\xfe["])
def test_what_is_not_toml_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    with pytest.raises(ConfigError, match="expected valid TOML"):
        read_benchmarks(tmp_path / "mine.toml")


class Inner(Options):
    weight: float = Field(default=1.0, ge=0)


class Full(Options):
    """One option of each kind."""

    epochs: int = Field(default=40, ge=1, le=200, json_schema_extra={"paper": 80})
    rate: float = Field(default=0.1, gt=0, lt=1)
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[float, str] = (0.0, "a")
    kind: Literal["adam", "sgd"] = "adam"
    flag: bool = False
    clip: float | None = None
    inner: Inner = Inner()


class Needed(Options):
    rate: float


def test_sound_options_are_taken_and_defaults_filled_in() -> None:
    given_ = {"epochs": 3, "rate": 0.5, "sizes": [4, 5, 6], "pair": [1, "b"], "clip": 2, "inner": {"weight": 0}}
    options = parse_options(Full, given_, "here")
    assert options == Full(epochs=3, rate=0.5, sizes=(4, 5, 6), pair=(1.0, "b"), clip=2.0, inner=Inner(weight=0.0))
    assert options.kind == "adam"
    assert parse_options(NoOptions, {}, "here") == NoOptions()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"epoch": 3},
            r"one of the options clip, epochs, .*; found the unknown option 'epoch'; in here; did you mean 'epochs'\?",
        ),
        ({"inner": {"wieght": 3}}, r"found the unknown option 'inner.wieght'; in here; did you mean 'weight'\?"),
        ({"epochs": 300}, r"epochs: .*less than or equal to 200 \(the paper uses 80\); found 300; in here"),
        ({"epochs": 0}, r"epochs: .*greater than or equal to 1 \(the paper uses 80\); found 0"),
        ({"rate": 1.0}, "rate: .*less than 1; found 1.0"),
        ({"epochs": "5"}, "epochs: .*valid integer.*; found '5'"),
        ({"epochs": 1.5}, "epochs: .*integer.*; found 1.5"),
        ({"epochs": True}, "epochs: .*integer.*; found True"),
        ({"rate": "0.1"}, "rate: .*valid number.*; found '0.1'"),
        ({"rate": float("nan")}, "rate: .*found nan"),
        ({"clip": float("nan")}, "clip: .*finite.*found nan"),
        ({"clip": float("inf")}, "clip: .*finite.*found inf"),
        ({"flag": 1}, "flag: .*boolean; found 1"),
        ({"kind": "adamw"}, "kind: .*'adam' or 'sgd'; found 'adamw'"),
        ({"sizes": 3}, "sizes: .*valid (array|tuple).*; found 3"),
        ({"sizes": [1, "2"]}, r"sizes.1: .*valid integer; found .*'2'"),
        ({"inner": {"weight": -1}}, "inner.weight: .*greater than or equal to 0; found .*-1"),
    ],
)
def test_refused_options_quote_what_was_allowed_and_what_was_found(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(Full, values, "here")


class Published(Options):
    """Options of a method whose paper and code differ."""

    lr: float = Field(default=1e-3, gt=0, json_schema_extra={"paper": 0.1, "code": 1e-3})
    epochs: int = Field(default=70, ge=1, json_schema_extra={"code": 70})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": -1.0}, r"\(the paper uses 0.1, its code uses 0.001\)"),
        ({"epochs": 0}, r"\(its code uses 70\)"),
    ],
)
def test_what_paper_and_code_use_is_told_apart(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(Published, values, "here")


def test_a_missing_option_is_told() -> None:
    with pytest.raises(ConfigError, match="rate: field required; found nothing; in here; set rate"):
        parse_options(Needed, {}, "here")


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=3))
def test_any_values_are_taken_or_refused_with_the_place(values: dict[str, Any]) -> None:
    try:
        options = parse_options(Full, values, "the place")
    except ConfigError as error:
        assert error.where == "the place"  # noqa: PT017  both ends are right; the kind of error is what is tested
    else:
        assert set(values) <= set(Full.model_fields)
        assert options.model_dump().items() >= values.items()
