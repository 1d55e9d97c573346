"""The core's own entries. They come through the same hooks as a stranger's."""

from __future__ import annotations

from ferbench.data.hugging_face import HuggingFaceOptions
from ferbench.data.image_folder import ImageFolderOptions
from ferbench.data.preprocess import AlignOptions, ResizeOptions
from ferbench.entries import (
    AttributeEntry,
    DatasetCard,
    DatasetEntry,
    MetricEntry,
    PreprocessorEntry,
    ProtocolEntry,
    RepresentationMetricEntry,
)
from ferbench.hookspecs import hookimpl
from ferbench.labels import MIXTURE
from ferbench.protocols.base import ProtocolOptions
from ferbench.protocols.standard import KFoldOptions, LabelNoiseOptions
from ferbench.representation.options import FeatureMapOptions, MutualInformationOptions, NeighboursOptions

IMAGE_FOLDER = """
my-faces/                 the name of the data set in the benchmark file
├── train/                optional: train, validation (or val), test
│   └── anger/x.png       a folder named after each class, images at any depth below it
├── test/…
└── images.csv            optional: file (path below the folder), subject, pose (yaw, degrees), split, others
"""


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return `image-folder` and `hugging-face`."""
    return [
        DatasetEntry(
            name="image-folder",
            factory="ferbench.data.image_folder:ImageFolder",
            options=ImageFolderOptions,
            card=DatasetCard(title="Your own images in class-named folders", licence="yours", layout=IMAGE_FOLDER),
            summary="Your own images: class-named folders, optional CSV of subject, pose, split",
        ),
        DatasetEntry(
            name="hugging-face",
            factory="ferbench.data.hugging_face:HuggingFace",
            options=HuggingFaceOptions,
            needs_root=False,
            card=DatasetCard(
                title="Any data set of the Hugging Face hub, or a local folder in its formats",
                licence="the data set's own; see its page",
            ),
            summary="Any Hugging Face data set by name, commit and column mapping",
        ),
    ]


@hookimpl
def ferbench_preprocessors() -> list[PreprocessorEntry]:
    """Return `resize` and `align`."""
    return [
        PreprocessorEntry(
            name="resize",
            factory="ferbench.data.preprocess:Resize",
            version="1",
            options=ResizeOptions,
            summary="Scale the whole image to a square, RGB or grey",
        ),
        PreprocessorEntry(
            name="align",
            factory="ferbench.data.preprocess:Align",
            version="1",
            options=AlignOptions,
            needs=frozenset({"landmarks"}),
            summary="Similarity alignment of five known landmarks to the 112 × 112 template, any size",
        ),
    ]


@hookimpl
def ferbench_attributes() -> list[AttributeEntry]:
    """Return `pose-from-landmarks`."""
    return [
        AttributeEntry(
            name="pose-from-landmarks",
            factory="ferbench.data.pose:PoseFromLandmarks",
            version="1",
            gives=("pose",),
            needs=frozenset({"landmarks"}),
            summary="Yaw of the mean head that comes nearest to the five landmarks",
        )
    ]


@hookimpl
def ferbench_protocols() -> list[ProtocolEntry]:
    """Return the protocols of the core."""
    home = "ferbench.protocols.standard"
    return [
        ProtocolEntry(
            name="official", factory=f"{home}:Official", options=ProtocolOptions, summary="The data set's own split"
        ),
        ProtocolEntry(
            name="k-fold",
            factory=f"{home}:KFold",
            options=KFoldOptions,
            summary="k folds, by subject where subjects are known, else stratified",
        ),
        ProtocolEntry(
            name="label-noise",
            factory=f"{home}:LabelNoise",
            options=LabelNoiseOptions,
            summary="Symmetric noise on the training labels of the official split",
        ),
        ProtocolEntry(
            name="cross-dataset",
            factory=f"{home}:CrossDataset",
            options=ProtocolOptions,
            summary="Train on one data set, test on another, shared classes only",
        ),
        ProtocolEntry(
            name="all", factory=f"{home}:AllData", options=ProtocolOptions, summary="All data, for weights recipes"
        ),
    ]


@hookimpl
def ferbench_metrics() -> list[MetricEntry]:
    """Return the metrics of classification, and of label distributions where the data set has them."""
    home = "ferbench.metrics.classification"
    return [
        MetricEntry(name="accuracy", factory=f"{home}:accuracy", summary="Accuracy"),
        MetricEntry(name="mean-class-accuracy", factory=f"{home}:mean_class_accuracy", summary="Mean class accuracy"),
        MetricEntry(name="macro-precision", factory=f"{home}:macro_precision", summary="Macro precision"),
        MetricEntry(name="macro-recall", factory=f"{home}:macro_recall", summary="Macro recall"),
        MetricEntry(name="macro-f1", factory=f"{home}:macro_f1", summary="Macro F1"),
        MetricEntry(name="class-recall", factory=f"{home}:class_recall", summary="Recall of each class"),
        MetricEntry(
            name="confusion",
            factory=f"{home}:confusion",
            higher_is_better=None,
            percent=False,
            summary="Confusion matrix, counts",
        ),
        MetricEntry(
            name="calibration-error",
            factory=f"{home}:calibration_error",
            higher_is_better=False,
            summary="Expected calibration error, 15 bins",
        ),
        *_distribution_metrics(),
        *_pose_metrics(),
    ]


def _pose_metrics() -> list[MetricEntry]:
    home, pose = "ferbench.metrics.poses", frozenset({"pose"})
    return [
        MetricEntry(name="accuracy-by-yaw", factory=f"{home}:accuracy_by_yaw", needs=pose, summary="Accuracy by yaw"),
        MetricEntry(
            name="recall-by-yaw", factory=f"{home}:recall_by_yaw", needs=pose, summary="Recall of each class by yaw"
        ),
        MetricEntry(
            name="frontal-accuracy",
            factory=f"{home}:frontal_accuracy",
            needs=pose,
            summary="Accuracy on faces turned by 5° at most",
        ),
        MetricEntry(
            name="pose-accuracy",
            factory=f"{home}:pose_accuracy",
            needs=pose | {"pose_probabilities", "pose_yaws"},
            summary="Accuracy of the estimated pose class",
        ),
    ]


def _distribution_metrics() -> list[MetricEntry]:
    measures = (
        ("kl_divergence", False, "Kullback–Leibler divergence from the true label distribution, nats"),
        ("chebyshev", False, "Chebyshev distance to the true label distribution"),
        ("clark", False, "Clark distance to the true label distribution"),
        ("canberra", False, "Canberra metric to the true label distribution"),
        ("cosine", True, "Cosine similarity to the true label distribution"),
        ("intersection", True, "Intersection with the true label distribution"),
    )
    return [
        MetricEntry(
            name=f"distribution-{name.removesuffix('_divergence')}",
            factory=f"ferbench.metrics.distributions:{name}",
            higher_is_better=better,
            needs=frozenset({MIXTURE}),
            percent=False,
            summary=summary,
        )
        for name, better, summary in measures
    ]


@hookimpl
def ferbench_representation_metrics() -> list[RepresentationMetricEntry]:
    """Return the metrics of representations: what they hold of whom and of what."""
    return [*_trained_probes(), *_geometry(), *_pictured()]


def _trained_probes() -> list[RepresentationMetricEntry]:
    """Return those that train something on the representations."""
    home = "ferbench.representation"
    return [
        RepresentationMetricEntry(
            name="identity-leakage",
            factory=f"{home}.leakage:identity_leakage",
            needs=frozenset({"subject"}),
            higher_is_better={"expression/*": False, "identity/*": True},
            summary="Accuracy of a linear and a small non-linear probe of the subject",
            citation="Alain & Bengio, 2016 (probes)",
        ),
        RepresentationMetricEntry(
            name="expression-leakage",
            factory=f"{home}.leakage:expression_leakage",
            higher_is_better={"expression/*": True, "identity/*": False},
            summary="Accuracy of a linear and a small non-linear probe of the class",
            citation="Alain & Bengio, 2016 (probes)",
        ),
        RepresentationMetricEntry(
            name="mutual-information-gap",
            factory=f"{home}.mutual_information:mutual_information_gap",
            options=MutualInformationOptions,
            representations=("expression", "identity"),
            higher_is_better={"gap": True, "expression-expression": True, "expression-identity": False},
            percent=False,
            summary="What expression shares with another image of the class, less what it shares with identity; nats",
            citation="Belghazi et al., ICML 2018 (estimator)",
        ),
    ]


def _geometry() -> list[RepresentationMetricEntry]:
    """Return those that measure how features lie to each other."""
    home = "ferbench.representation"
    return [
        RepresentationMetricEntry(
            name="retrieval",
            factory=f"{home}.retrieval:retrieval",
            higher_is_better={
                "expression/label*": True,
                "expression/subject*": False,
                "identity/label*": False,
                "identity/subject*": True,
            },
            summary="Precision among the 1, 5 and 10 nearest images, by class and by subject",
        ),
        RepresentationMetricEntry(
            name="distance-overlap",
            factory=f"{home}.distances:distance_overlap",
            needs=frozenset({"subject"}),
            higher_is_better={"expression": True, "identity": False},
            summary="Overlap of the distances within subjects and between subjects",
        ),
        RepresentationMetricEntry(
            name="class-scatter",
            factory=f"{home}.distances:class_scatter",
            higher_is_better={"expression": True, "identity": False},
            percent=False,
            summary="Distance between class centroids over the spread of classes",
        ),
    ]


def _pictured() -> list[RepresentationMetricEntry]:
    """Return those that exist to be drawn (`ferbench report --pictures`)."""
    home = "ferbench.representation"
    return [
        RepresentationMetricEntry(
            name="feature-map",
            factory=f"{home}.feature_map:feature_map",
            options=FeatureMapOptions,
            higher_is_better=None,
            percent=False,
            summary="Features in a plane; its number is the map's trustworthiness",
            citation="van der Maaten & Hinton, JMLR 2008 (t-SNE); Venna & Kaski, ICANN 2001 (trustworthiness)",
        ),
        RepresentationMetricEntry(
            name="neighbours",
            factory=f"{home}.neighbours:neighbours",
            options=NeighboursOptions,
            higher_is_better=None,
            summary="Some test images with those nearest to them; its number is the share of the same class",
        ),
    ]
