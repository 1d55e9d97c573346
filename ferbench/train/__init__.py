"""What a method is made of. Importing this imports torch."""

from ferbench.train.backbones import build_backbone, feature_map, feature_width, pooled_map
from ferbench.train.batch import Batch, Output, TestBatch, Views
from ferbench.train.classifier import Classifier
from ferbench.train.context import Context
from ferbench.train.erasing import Erasing
from ferbench.train.method import Method, Setup, freeze, unfreeze
from ferbench.train.pretrained import naming, pretrained_backbone
from ferbench.train.recipes import ClassBalanced, Groups, Recipe, Shuffled
from ferbench.train.stage import Epochs, Optim, Stage, Steps, Until
from ferbench.train.task import Column, Task, TrainingSet
from ferbench.train.transforms import (
    Albumented,
    FlipShift,
    Normalisation,
    Normalise,
    Resized,
    Transforms,
    Whiten,
    resized,
)
from ferbench.train.tuples import FiveTuples

__all__ = [
    "Albumented",
    "Batch",
    "ClassBalanced",
    "Classifier",
    "Column",
    "Context",
    "Epochs",
    "Erasing",
    "FiveTuples",
    "FlipShift",
    "Groups",
    "Method",
    "Normalisation",
    "Normalise",
    "Optim",
    "Output",
    "Recipe",
    "Resized",
    "Setup",
    "Shuffled",
    "Stage",
    "Steps",
    "Task",
    "TestBatch",
    "TrainingSet",
    "Transforms",
    "Until",
    "Views",
    "Whiten",
    "build_backbone",
    "feature_map",
    "feature_width",
    "freeze",
    "naming",
    "pooled_map",
    "pretrained_backbone",
    "resized",
    "unfreeze",
]
