"""What can be read out of a representation that it should not, or should, hold: probes trained on held-out images.

A probe is a classifier on frozen features (Alain & Bengio, "Understanding intermediate layers using linear classifier
probes", 2016). Trained on the method's training images it would meet other subjects at test and could name none of
them, so half of the test images teach it and the other half test it: subjects seen, images not.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.representation.draws import Groups, halves
from ferbench.representation.representations import Features, Measured, NotMeasured, Representations, Rows

MOST = 4000
"""Images above which the probes work on as many, drawn with the seed."""

LINEAR = {"C": 1.0, "max_iter": 300}
MLP = {"hidden_layer_sizes": (64,), "max_iter": 60, "learning_rate_init": 1e-3, "batch_size": 64}

PLURAL = {"subject": "subjects", "class": "classes"}


def identity_leakage(given: Representations) -> Measured:
    """Return how often probes name the subject of an unseen image, from each representation.

    Keys: `<representation>/linear`, `<representation>/mlp`, and `chance`: what naming the most frequent subject
    without looking would reach.

    Raises:
        NotMeasured: fewer than two subjects have two test images.
    """
    part = given.at_most(MOST, "leakage")
    return _leakage(part, np.asarray(part.columns["subject"]), "subject")


def expression_leakage(given: Representations) -> Measured:
    """Return how often probes name the class of an unseen image, from each representation; keys as above.

    Subjects stand on both sides of these halves too, as they do for `identity_leakage`.

    Raises:
        NotMeasured: fewer than two classes have two test images.
    """
    part = given.at_most(MOST, "leakage")
    return _leakage(part, part.labels, "class")


def _leakage(part: Representations, names: npt.NDArray[Any], kind: str) -> Measured:
    _, groups, counts = np.unique(names, return_inverse=True, return_counts=True)
    several = counts[groups] > 1
    if (counts > 1).sum() < 2:
        raise NotMeasured(f"fewer than two test {PLURAL[kind]} have two images or more")
    rows = np.flatnonzero(several)
    targets = groups[rows]
    learn, test = halves(targets, part.rng(kind, "halves"))
    values, iterations = {"chance": float(np.bincount(targets[test]).max() / len(test))}, {}
    for name, features in part.features.items():
        scaled = _standardised(features[rows], learn)
        for probe in ("linear", "mlp"):
            key = f"{name}/{probe}"
            classifier = _probe(probe, part.seed_of(kind, probe))
            values[key] = _accuracy(classifier, scaled, targets, learn, test)
            iterations[key] = int(np.max(classifier.n_iter_))
    settings = {
        PLURAL[kind]: int((counts > 1).sum()),
        f"{PLURAL[kind]}_left_out": int((counts == 1).sum()),
        "images_learned_from": len(learn),
        "images_tested_on": len(test),
        "uniform_chance": 1 / int((counts > 1).sum()),
        "linear": {"probe": "multinomial logistic regression, lbfgs", **LINEAR},
        "mlp": {"probe": "one hidden layer, ReLU, Adam", **MLP},
        "iterations": iterations,
    }
    return Measured(values, settings=settings)


def _standardised(features: Features, learn: Rows) -> Features:
    """Return features of mean 0 and variance 1 on the half that is learned from."""
    mean, spread = features[learn].mean(axis=0), features[learn].std(axis=0)
    scaled: Features = (features - mean) / np.where(spread > 0, spread, 1)
    return scaled


def _probe(kind: str, seed: int) -> Any:  # noqa: ANN401  a classifier of scikit-learn, which has no types
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    return LogisticRegression(**LINEAR) if kind == "linear" else MLPClassifier(**MLP, random_state=seed)


def _accuracy(probe: Any, features: Features, targets: Groups, learn: Rows, test: Rows) -> float:  # noqa: ANN401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the budget ends the training; the record says after how many iterations
        probe.fit(features[learn], targets[learn])
    return float((probe.predict(features[test]) == targets[test]).mean())
