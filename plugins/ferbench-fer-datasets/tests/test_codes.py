"""The codes of the releases, written out: replicas share the loaders' tables, and cannot tell that two changed places.

Each data set has a table of its own and a smallest copy in which a code stands.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ferbench.data.files import FileSource
from ferbench_fer_datasets.wild import put


def labels(source: FileSource) -> list[str]:
    """Return what the images of a copy are labelled, every finding but other counts being an error of the test."""
    assert {one.check for one in source.index.findings} <= {"count"}
    return [sample.label for sample in source.index.samples]


RAF_DB = {
    1: "surprise",
    2: "fear",
    3: "disgust",
    4: "happiness",
    5: "sadness",
    6: "anger",
    7: "neutral",
}


@pytest.mark.parametrize(("code", "label"), RAF_DB.items())
def test_raf_db(tmp_path, opened, code, label):
    put(tmp_path, "EmoLabel/list_patition_label.txt", f"train_00001.jpg {code}".encode())
    put(tmp_path, "Image/aligned/train_00001_aligned.jpg", b"")
    assert labels(opened("raf-db", tmp_path)) == [label]


AFFECTNET = {
    0: "neutral",
    1: "happiness",
    2: "sadness",
    3: "surprise",
    4: "fear",
    5: "disgust",
    6: "anger",
    7: "contempt",
    8: None,  # none of these
    9: None,  # uncertain
    10: None,  # no face
}


def affectnet_lists(folder: Path, code: int) -> None:
    """Write the lists of the older release: one image of the code in either part."""
    for file, name in (("training", "1/a.jpg"), ("validation", "1/b.jpg")):
        row = f"{name},NULL,NULL,NULL,NULL,NULL,{code},-2,-2\n"
        put(folder, f"Manually_Annotated_file_lists/{file}.csv", row.encode())
        put(folder, f"Manually_Annotated_Images/{name}", b"")


def affectnet_folders(folder: Path, code: int) -> None:
    """Write the folders of the newer release: one image of the code in either part."""
    for part in ("train_set", "val_set"):
        put(folder, f"{part}/images/7.jpg", b"")
        (folder / part / "annotations").mkdir()
        for kind, value in {"exp": str(code), "val": "0.5", "aro": "0.5", "lnd": np.zeros(136)}.items():
            np.save(folder / part / "annotations" / f"7_{kind}.npy", np.asarray(value))


@pytest.mark.parametrize("write", [affectnet_lists, affectnet_folders])
@pytest.mark.parametrize("name", ["affectnet-7", "affectnet-8"])
@pytest.mark.parametrize(("code", "label"), AFFECTNET.items())
def test_affectnet(tmp_path, opened, write: Callable[[Path, int], None], name, code, label):
    write(tmp_path, code)
    left_out = label is None or (label == "contempt" and name == "affectnet-7")
    source = opened(name, tmp_path)
    if left_out:
        assert source.index.samples == []
    else:
        assert labels(source) == [label, label]


EXPW = {
    0: "anger",
    1: "disgust",
    2: "fear",
    3: "happiness",
    4: "sadness",
    5: "surprise",
    6: "neutral",
}


@pytest.mark.parametrize(("code", "label"), EXPW.items())
def test_expw(tmp_path, opened, code, label):
    put(tmp_path, "label/label.lst", f"angry_actor_104.jpg 0 28 113 226 141 22.9362 {code}\n".encode())
    put(tmp_path, "image/origin/angry_actor_104.jpg", b"")
    assert labels(opened("expw", tmp_path)) == [label]


FER2013 = {
    0: "anger",
    1: "disgust",
    2: "fear",
    3: "happiness",
    4: "sadness",
    5: "surprise",
    6: "neutral",
}
BLACK = " ".join(["0"] * 48 * 48)


@pytest.mark.parametrize(("code", "label"), FER2013.items())
def test_fer2013(tmp_path, opened, code, label):
    put(tmp_path, "fer2013.csv", f"emotion,pixels,Usage\n{code},{BLACK},Training\n".encode())
    assert labels(opened("fer2013", tmp_path)) == [label]


FER_PLUS = {
    0: "neutral",
    1: "happiness",
    2: "surprise",
    3: "sadness",
    4: "anger",
    5: "disgust",
    6: "fear",
    7: "contempt",
    8: None,  # unknown
    9: None,  # no face
}
"""Places of the columns of votes."""


@pytest.mark.parametrize(("place", "label"), FER_PLUS.items())
def test_fer_plus(tmp_path, opened, place, label):
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    votes = ["0"] * 10
    votes[place] = "10"
    put(tmp_path, "fer2013new.csv", f"{header}\nTraining,fer0000000.png,{','.join(votes)}\n".encode())
    put(tmp_path, "fer2013.csv", f"emotion,pixels,Usage\n0,{BLACK},Training\n".encode())
    if label is None:
        assert opened("fer-plus", tmp_path).index.samples == []
    else:
        assert labels(opened("fer-plus", tmp_path)) == [label]


SFEW = {
    "Angry": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}


@pytest.mark.parametrize(("folder", "label"), SFEW.items())
def test_sfew(tmp_path, opened, folder, label):
    for top in ("Train", "Val"):
        put(tmp_path, f"{top}/{folder}/Airheads_000519240_00000005.png", b"")
    assert labels(opened("sfew", tmp_path)) == [label, label]


CK_PLUS = {
    1: "anger",
    2: "contempt",
    3: "disgust",
    4: "fear",
    5: "happiness",
    6: "sadness",
    7: "surprise",
}


@pytest.mark.parametrize(("code", "label"), CK_PLUS.items())
def test_ck_plus(tmp_path, opened, code, label):
    put(tmp_path, "cohn-kanade-images/S005/001/S005_001_00000001.png", b"")
    put(tmp_path, "Emotion/S005/001/S005_001_00000001_emotion.txt", f"   {code}.0000000e+00\n".encode())
    assert labels(opened("ck-plus", tmp_path, peak_frames=1)) == [label]


OULU_CASIA = {
    "Anger": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happiness": "happiness",
    "Sadness": "sadness",
    "Surprise": "surprise",
}


@pytest.mark.parametrize(("folder", "label"), OULU_CASIA.items())
def test_oulu_casia(tmp_path, opened, folder, label):
    put(tmp_path, f"VL/Strong/P001/{folder}/000.jpeg", b"")
    assert labels(opened("oulu-casia", tmp_path, peak_frames=1)) == [label]


KDEF = {
    "AF": "fear",
    "AN": "anger",
    "DI": "disgust",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
KDEF_ANGLES = {"FL": -90.0, "HL": -45.0, "S": 0.0, "HR": 45.0, "FR": 90.0}


@pytest.mark.parametrize(("code", "label"), KDEF.items())
def test_kdef(tmp_path, opened, code, label):
    put(tmp_path, f"BM07/BM07{code}S.JPG", b"")
    assert labels(opened("kdef", tmp_path)) == [label]


@pytest.mark.parametrize(("code", "yaw"), KDEF_ANGLES.items())
def test_angles_of_kdef(tmp_path, opened, code, yaw):
    put(tmp_path, f"AF01/AF01NE{code}.JPG", b"")
    assert [sample.columns["pose"] for sample in opened("kdef", tmp_path).index.samples] == [yaw]


JAFFE = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
JAFFE_RATINGS = {
    "rating_happiness": 1.1,
    "rating_sadness": 1.2,
    "rating_surprise": 1.3,
    "rating_anger": 1.4,
    "rating_disgust": 1.5,
    "rating_fear": 1.6,
}


@pytest.mark.parametrize(("code", "label"), JAFFE.items())
def test_jaffe(tmp_path, opened, code, label):
    put(tmp_path, f"KA.{code}1.39.tiff", b"")
    put(
        tmp_path, "README_FIRST.txt", f"# HAP SAD SUR ANG DIS FEA PIC\n39 1.1 1.2 1.3 1.4 1.5 1.6 KA-{code}1\n".encode()
    )
    source = opened("jaffe", tmp_path)
    assert labels(source) == [label]
    assert source.index.samples[0].columns == {"subject": "KA", **JAFFE_RATINGS}


MULTI_PIE = {
    (1, 1): "neutral",
    (1, 2): "smile",
    (2, 1): "neutral",
    (2, 2): "surprise",
    (2, 3): "squint",
    (3, 1): "neutral",
    (3, 2): "smile",
    (3, 3): "disgust",
    (4, 1): "neutral",
    (4, 2): "neutral",
    (4, 3): "scream",
}
"""Session and recording."""

MULTI_PIE_CAMERAS = {
    "11_0": -90.0,
    "12_0": -75.0,
    "09_0": -60.0,
    "08_0": -45.0,
    "08_1": -45.0,
    "13_0": -30.0,
    "14_0": -15.0,
    "05_1": 0.0,
    "05_0": 15.0,
    "04_1": 30.0,
    "19_0": 45.0,
    "19_1": 45.0,
    "20_0": 60.0,
    "01_0": 75.0,
    "24_0": 90.0,
}


@pytest.mark.parametrize(("place", "label"), MULTI_PIE.items())
def test_multi_pie(tmp_path, opened, place, label):
    session, recording = place
    folder = f"data/session0{session}/multiview/001/0{recording}/05_1"
    put(tmp_path, f"{folder}/001_0{session}_0{recording}_051_07.png", b"")
    assert labels(opened("multi-pie", tmp_path)) == [label]


@pytest.mark.parametrize(("camera", "yaw"), MULTI_PIE_CAMERAS.items())
def test_cameras_of_multi_pie(tmp_path, opened, camera, yaw):
    folder = f"data/session01/multiview/001/01/{camera}"
    put(tmp_path, f"{folder}/001_01_01_{camera.replace('_', '')}_07.png", b"")
    samples = opened("multi-pie", tmp_path, cameras=[camera]).index.samples
    assert [sample.columns["pose"] for sample in samples] == [yaw]


BU_3DFE = {
    "AN01": ("anger", 1),
    "DI02": ("disgust", 2),
    "FE03": ("fear", 3),
    "HA04": ("happiness", 4),
    "SA01": ("sadness", 1),
    "SU02": ("surprise", 2),
    "NE00": ("neutral", 0),
}


@pytest.mark.parametrize(("code", "shown"), BU_3DFE.items())
def test_bu_3dfe(tmp_path, opened, code, shown):
    put(tmp_path, f"M0044/M0044_{code}LA_F2D.bmp", b"")
    source = opened("bu-3dfe", tmp_path, neutral=True)
    assert labels(source) == [shown[0]]
    assert source.index.samples[0].columns == {"subject": "M0044", "pose": 0.0, "level": shown[1], "ethnicity": "LA"}
