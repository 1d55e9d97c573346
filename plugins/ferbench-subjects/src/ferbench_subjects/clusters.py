"""Subjects by clustering face embeddings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.cluster import AgglomerativeClustering

from ferbench.data.derive import Columns
from ferbench.datasource import ProgressBar
from ferbench.errors import DataError
from ferbench_subjects.chips import has_face
from ferbench_subjects.embeddings import Embeddings, embedded
from ferbench_subjects.network import network_path
from ferbench_subjects.options import ClusterOptions

MOST_FACES = 20_000
"""Clustering keeps two numbers for each pair of faces: 3.2 GB for so many, and four times that for twice as many."""


class SubjectClusters:
    """Derives `subject` from `landmarks` and pixels: one cluster of similar faces is taken for one person.

    An image without landmarks is a subject of its own, named like any other: nobody is said to be the same person
    without a look at the face.
    """

    def __init__(self, options: ClusterOptions) -> None:
        self.options = options
        self.network = network_path()

    def __call__(self, images: npt.NDArray[np.uint8], columns: Columns, progress: ProgressBar) -> Columns:
        """Return `subject`: (N,) names `cluster-0001`, …, in the order in which the images bring them.

        Raises:
            DataError: there are more than `MOST_FACES` faces.
        """
        landmarks = columns["landmarks"]
        seen = np.flatnonzero(has_face(landmarks))
        if len(seen) > MOST_FACES:
            raise DataError(
                expected=f"at most {MOST_FACES} faces",
                found=str(len(seen)),
                where="the derived attribute subject-clusters",
                remedy="use a smaller data set, or one that names its subjects",
            )
        embeddings = embedded(self.network, images, landmarks, seen, progress)
        groups = -1 - np.arange(len(landmarks))  # each its own, until it is seen with others
        groups[seen] = clustered(embeddings, self.options.threshold)
        return {"subject": named(groups)}


def clustered(embeddings: Embeddings, threshold: float) -> npt.NDArray[np.intp]:
    """Group embeddings (n, 128) by average linkage: (n,) numbers of groups.

    Two groups are joined while the mean distance between their members is below the threshold. One face that
    resembles two people does not join them, as it can where single edges count (dlib's Chinese whispers), and the
    result depends on no random order.
    """
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), dtype=np.intp)
    model = AgglomerativeClustering(n_clusters=None, distance_threshold=threshold, linkage="average")
    return np.asarray(model.fit_predict(embeddings), dtype=np.intp)


def named(groups: npt.NDArray[np.intp]) -> npt.NDArray[np.str_]:
    """Return names of groups (n,), numbered by first occurrence: any other numbering of the same groups gives the same.

    >>> named(np.asarray([7, -3, 7])).tolist()
    ['cluster-0001', 'cluster-0002', 'cluster-0001']
    """
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.intp)
    ranks[np.argsort(first)] = np.arange(1, len(first) + 1)
    digits = max(4, len(str(len(first))))
    return np.asarray([f"cluster-{rank:0{digits}d}" for rank in ranks[inverse]], dtype=np.str_)
