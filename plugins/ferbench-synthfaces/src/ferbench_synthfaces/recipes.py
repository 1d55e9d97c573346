"""Expression recipes: which facial actions make each expression, and how one performance of it is drawn.

Action units (AU) follow the Facial Action Coding System (Ekman & Friesen 1978; Ekman, Friesen & Hager 2002). Which
AUs make which emotion follows its investigator's guide and EMFACS (Friesen & Ekman 1983), as tabulated by Du, Tao &
Martinez, "Compound facial expressions of emotion", PNAS 111(15), 2014, table 1. Shapes bear the names of Apple's
ARKit (`ARFaceAnchor.BlendShapeLocation`); a name without a side stands for its left and right halves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""The classes, in the order of the label integers."""

NEUTRAL = EXPRESSIONS.index("neutral")

MIDLINE = frozenset(
    (
        "browInnerUp",
        "cheekPuff",
        "jawForward",
        "jawLeft",
        "jawOpen",
        "jawRight",
        "mouthClose",
        "mouthFunnel",
        "mouthLeft",
        "mouthPucker",
        "mouthRight",
        "mouthRollLower",
        "mouthRollUpper",
        "mouthShrugLower",
        "mouthShrugUpper",
        "tongueOut",
    )
)
"""Shapes that ARKit does not split into a left and a right half (their own "Left" is a direction)."""


@dataclass(frozen=True)
class Action:
    """One facial action.

    Attributes:
        units: the action units it stands for, as "6" or "23+24".
        shape: the ARKit shape, without its side.
        strength: its weight in a full performance; above 1 the shape is exaggerated, as actors do.
        chance: how often a performance uses it; AUs that the sources call optional are below 1.
    """

    units: str
    shape: str
    strength: float
    chance: float = 1.0


RECIPES: Mapping[str, tuple[Action, ...]] = {
    "anger": (
        Action("4", "browDown", 1.5),
        Action("5", "eyeWide", 0.5),
        Action("7", "eyeSquint", 0.6),
        Action("23", "mouthRollLower", 0.7),
        Action("23", "mouthRollUpper", 0.6),
        Action("24", "mouthPress", 1.2),
        Action("17", "mouthShrugLower", 0.5, chance=0.5),
        Action("10", "mouthUpperUp", 0.5, chance=0.25),
        Action("29", "jawForward", 0.6, chance=0.4),
    ),
    "disgust": (
        Action("9", "noseSneer", 1.9),
        Action("10", "mouthUpperUp", 1.3),
        Action("4", "browDown", 0.6),
        Action("7", "eyeSquint", 0.9),
        Action("6", "cheekSquint", 0.4, chance=0.5),
        Action("15", "mouthFrown", 0.8),
        Action("16", "mouthLowerDown", 0.5, chance=0.6),
        Action("17", "mouthShrugLower", 0.5, chance=0.5),
        Action("26", "jawOpen", 0.1, chance=0.4),
    ),
    "fear": (
        Action("1", "browInnerUp", 1.5),
        Action("2", "browOuterUp", 0.4),
        Action("4", "browDown", 0.45),
        Action("5", "eyeWide", 1.4),
        Action("7", "eyeSquint", 0.2),
        Action("20", "mouthStretch", 1.6),
        Action("25", "mouthLowerDown", 0.9),
        Action("26", "jawOpen", 0.22),
    ),
    "happiness": (
        Action("6", "cheekSquint", 0.9),
        Action("6", "eyeSquint", 0.25),
        Action("12", "mouthSmile", 1.15),
        Action("25", "mouthUpperUp", 0.5, chance=0.7),
        Action("26", "jawOpen", 0.14, chance=0.5),
        Action("14", "mouthDimple", 0.3, chance=0.3),
    ),
    "sadness": (
        Action("1", "browInnerUp", 1.6),
        Action("4", "browDown", 0.5),
        Action("15", "mouthFrown", 1.5),
        Action("17", "mouthShrugLower", 0.7),
        Action("7", "eyeSquint", 0.2),
        Action("43", "eyeBlink", 0.15),
        Action("64", "eyeLookDown", 0.5, chance=0.6),
    ),
    "surprise": (
        Action("1", "browInnerUp", 1.3),
        Action("2", "browOuterUp", 1.4),
        Action("5", "eyeWide", 1.3),
        Action("26+27", "jawOpen", 0.6),
        Action("18", "mouthFunnel", 0.3, chance=0.4),
    ),
    "neutral": (),
}


def sides(shape: str) -> tuple[str, ...]:
    """Return the ARKit names of a shape: both halves, or itself where it has none.

    >>> sides("mouthSmile"), sides("jawOpen")
    (('mouthSmileLeft', 'mouthSmileRight'), ('jawOpen',))
    """
    return (shape,) if shape in MIDLINE else (f"{shape}Left", f"{shape}Right")


def recipe_weights(expression: str) -> dict[str, float]:
    """Return the full, symmetric performance of an expression with all of its actions: ARKit name → weight."""
    return {name: action.strength for action in RECIPES[expression] for name in sides(action.shape)}


def perform(expression: str, intensity: float, random: Generator) -> dict[str, float]:
    """Draw one performance of an expression.

    Each action is used with its chance, at a strength that varies by about 15 %; a whole side of the face may be
    weaker than the other by up to a quarter, since posed expressions are asymmetric (Ekman, Hager & Friesen 1981).

    Args:
        expression: one of `EXPRESSIONS`.
        intensity: 0 (nothing) to 1 (a full performance).
        random: where chance comes from; the number of draws depends on the expression only.

    Returns:
        ARKit name → weight.
    """
    lean = float(random.uniform(-0.25, 0.25))
    weights: dict[str, float] = {}
    for action in RECIPES[expression]:
        used = random.random() < action.chance
        strength = action.strength * intensity * float(np.exp(random.normal(0, 0.15)))
        if not used:
            continue
        for name in sides(action.shape):
            # Side by side with `lean`: the stronger half keeps its strength.
            weaker = max(lean, 0) if name.endswith("Left") else max(-lean, 0) if name.endswith("Right") else 0
            weights[name] = strength * (1 - weaker)
    return weights


def idle(random: Generator) -> dict[str, float]:
    """Draw what every face does whatever it expresses: gaze, lids half a blink, a jaw not quite centred."""
    gaze, height = random.normal(0, 0.25, size=2)
    weights = {
        "eyeLookInLeft": max(-gaze, 0.0),
        "eyeLookOutLeft": max(gaze, 0.0),
        "eyeLookInRight": max(gaze, 0.0),
        "eyeLookOutRight": max(-gaze, 0.0),
    }
    for side in ("Left", "Right"):
        weights[f"eyeLookUp{side}"] = max(height, 0.0)
        weights[f"eyeLookDown{side}"] = max(-height, 0.0)
    blink = abs(random.normal(0, 0.06))
    weights |= {"eyeBlinkLeft": blink, "eyeBlinkRight": blink}
    for shape in ("browInnerUp", "browDown", "mouthPress", "mouthSmile", "mouthFrown", "jawOpen"):
        tone = abs(random.normal(0, 0.05)) * (0.4 if shape == "jawOpen" else 1)
        weights |= dict.fromkeys(sides(shape), tone)
    weights["jawLeft"], weights["jawRight"] = abs(random.normal(0, 0.08, size=2))
    return {name: float(weight) for name, weight in weights.items()}


def add(parts: list[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Return the weighted sum of performances, each (factor, weights)."""
    total: dict[str, float] = {}
    for factor, weights in parts:
        for name, weight in weights.items():
            total[name] = total.get(name, 0.0) + factor * weight
    return total
