"""Pretrained weights: what fits is taken, what does not is listed and refused; reading a file runs no code of it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ferbench.errors import WeightsError
from ferbench.weights import LoadedWeights, read_weights, without_heads


def network(colours: int = 3, width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Conv2d(colours, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width * 9, 20))


def loaded(state: Mapping[str, Tensor]) -> LoadedWeights:
    return LoadedWeights("faces", state, "0" * 64)


def test_matching_weights_are_copied_with_their_statistics() -> None:
    torch.manual_seed(0)
    first, second = network(), network()
    first.train()
    first(torch.rand(4, 3, 5, 5))
    match = loaded(first.state_dict()).into(second)
    assert (match.share, match.missing, match.unused) == (1.0, (), ())
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_weights_are_copied_not_shared() -> None:
    first, second = network(), network()
    loaded(first.state_dict()).into(second)
    with torch.no_grad():
        second[0].weight.zero_()
    assert first[0].weight.abs().sum() > 0


def test_weights_that_fit_too_little_are_refused_with_the_keys() -> None:
    state = {**network(width=8).state_dict(), "extra.weight": torch.zeros(3)}
    state["3.weight"] = torch.zeros(20, 5)
    with pytest.raises(
        WeightsError,
        match=r"at least 95% .*found 15.\d%; not matched: 3.weight; .*not used: 3.weight, extra.weight; in weights",
    ):
        loaded(state).into(network(width=8))


def test_refused_weights_leave_the_network_alone() -> None:
    target = network()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    state = network().state_dict()
    del state["3.weight"]
    with pytest.raises(WeightsError):
        loaded(state).into(target)
    assert all(torch.equal(before[name], value) for name, value in target.state_dict().items())


def test_the_rule_is_95_percent_of_the_parameters() -> None:
    def split(missing: int) -> tuple[nn.Module, dict[str, Tensor]]:
        module = nn.ParameterDict({"big": torch.zeros(100 - missing), "small": torch.zeros(missing)})
        return module, {"big": torch.ones(100 - missing)}

    module, state = split(5)
    match = loaded(state).into(module)
    assert match.share == pytest.approx(0.95)
    assert match.missing == ("small",)
    module, state = split(6)
    with pytest.raises(WeightsError, match=r"found 94.0%; not matched: small"):
        loaded(state).into(module)


def test_a_long_list_of_keys_is_cut() -> None:
    module = nn.ParameterDict({f"p{number}": torch.zeros(2) for number in range(20)})
    with pytest.raises(WeightsError, match="not matched: p0, p1, p10, p11, p12, p13 and 14 more"):
        loaded({}).into(module)


def test_colour_kernels_serve_grey_input_by_their_mean() -> None:
    colour, grey = network(3), network(1)
    match = loaded(colour.state_dict()).into(grey)
    assert match.share == 1.0
    image = torch.rand(2, 1, 5, 5)
    colour.eval()
    grey.eval()
    shown = image.repeat(1, 3, 1, 1) / 3
    assert torch.allclose(grey(image), colour(shown), atol=1e-5)


def test_grey_kernels_do_not_serve_colour() -> None:
    target = nn.Conv2d(3, 8, 3)
    with pytest.raises(WeightsError, match="not matched: weight"):
        loaded(nn.Conv2d(1, 8, 3).state_dict()).into(target)


def test_heads_are_left_out_by_their_usual_names() -> None:
    names = ["conv.weight", "fc.weight", "fc.bias", "head.fc.weight", "classifier.1.weight", "logits.weight",
             "last_linear.bias", "layer.fc.weight", "headline.weight"]  # fmt: skip
    kept = without_heads({name: torch.zeros(1) for name in names})
    assert set(kept) == {"conv.weight", "layer.fc.weight", "headline.weight"}


STATE = {"conv.weight": torch.arange(6.0).reshape(1, 2, 3), "bn.num_batches_tracked": torch.tensor(7)}


def equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".tar", ".safetensors"])
def test_every_format_is_read_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path)
    assert equal(read_weights(path, "here"), STATE)


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model", "net"])
def test_containers_are_opened(tmp_path: Path, wrapper: str) -> None:
    torch.save({"epoch": 3, wrapper: STATE, "optimizer": {"lr": 0.1}}, tmp_path / "w.pth")
    assert equal(read_weights(tmp_path / "w.pth", "here"), STATE)


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "backbone.", "module.model.", "module.backbone.", "backbone.module."]
)
def test_prefixes_are_stripped(tmp_path: Path, prefix: str) -> None:
    torch.save({prefix + name: value for name, value in STATE.items()}, tmp_path / "w.pth")
    assert equal(read_weights(tmp_path / "w.pth", "here"), STATE)


def test_prefixes_that_would_make_two_parameters_one_are_refused(tmp_path: Path) -> None:
    torch.save({"module.a": torch.zeros(1), "a": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"different names .*; found 'module.a' and 'a'; in here"):
        read_weights(tmp_path / "w.pth", "here")


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_not_run_unless_it_is_trusted(tmp_path: Path) -> None:
    for name in ("w.pkl", "w.pth"):
        trap = tmp_path / "boom"
        with (tmp_path / name).open("wb") as stream:
            pickle.dump({"a": Bomb(trap)}, stream, protocol=2)
        with pytest.raises(WeightsError, match="here; convert it to safetensors, or set allow_pickle = true"):
            read_weights(tmp_path / name, "here")
        assert not trap.exists()


def test_a_trusted_pickle_of_arrays_is_read(tmp_path: Path) -> None:
    with (tmp_path / "w.pkl").open("wb") as stream:
        pickle.dump({"conv.weight": np.ones((2, 3), np.float32)}, stream)
    state = read_weights(tmp_path / "w.pkl", "here", allow_pickle=True)
    assert equal(state, {"conv.weight": torch.ones(2, 3)})


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.pkl", "w.bin"])
@pytest.mark.parametrize("content", [b"", b"nonsense, not weights at all", b"\x80\x02X"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    for trusted in (False, True):
        with pytest.raises(WeightsError, match=r"a file of parameters .*; in here; convert it to safetensors"):
            read_weights(tmp_path / name, "here", allow_pickle=trusted)


def test_a_truncated_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(content[:-5])
    with pytest.raises(WeightsError, match="a file of parameters"):
        read_weights(tmp_path / "w.safetensors", "here")


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}])
def test_a_file_without_parameters_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(
        WeightsError, match=f"named parameters; found {type(content).__name__}; in here; save a state_dict"
    ):
        read_weights(tmp_path / "w.pth", "here")
