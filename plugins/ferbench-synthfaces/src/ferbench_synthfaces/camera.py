"""The camera and the light: how a head is turned, seen and lit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferbench_synthfaces.assets import Floats

PIVOT = np.array([0.0, 7.08, 0.55], dtype=np.float32)
"""What the head turns about and the camera looks at: the head's middle, decimetres."""


@dataclass(frozen=True)
class Light:
    """Where the light comes from, seen from the camera.

    Attributes:
        azimuth: degrees, positive from the image's right.
        elevation: degrees, positive from above.
        strength: of the key light; the ambient light has `ambient`.
        ambient: of the light from everywhere.
        warmth: −1 bluish to 1 yellowish.
    """

    azimuth: float
    elevation: float
    strength: float
    ambient: float
    warmth: float = 0.0

    def direction(self) -> Floats:
        """Return the unit vector (3,) towards the light."""
        azimuth, elevation = np.radians(self.azimuth), np.radians(self.elevation)
        across = np.cos(elevation)
        towards = (np.sin(azimuth) * across, np.sin(elevation), np.cos(azimuth) * across)
        return np.array(towards, dtype=np.float32)

    def colour(self) -> Floats:
        """Return the key light's linear RGB (3,)."""
        tint = (1 + 0.12 * self.warmth, 1.0, 1 - 0.15 * self.warmth)
        return np.array(tint, dtype=np.float32) * np.float32(self.strength)


@dataclass(frozen=True)
class View:
    """The head's pose and the camera.

    Attributes:
        yaw: degrees, positive to the subject's left (the image's right).
        pitch: degrees, positive upwards.
        roll: degrees, positive clockwise in the image.
        span: height of the frame at the head, decimetres.
        shift: (right, up) of the head in the frame, decimetres.
        distance: from camera to head, decimetres.
    """

    yaw: float
    pitch: float
    roll: float
    span: float = 3.0
    shift: tuple[float, float] = (0.0, 0.0)
    distance: float = 12.0

    def rotation(self) -> Floats:
        """Return the (3, 3) rotation of the head."""
        yaw, pitch, roll = np.radians([self.yaw, -self.pitch, -self.roll])
        about_y = ((np.cos(yaw), 0, np.sin(yaw)), (0, 1, 0), (-np.sin(yaw), 0, np.cos(yaw)))
        about_x = ((1, 0, 0), (0, np.cos(pitch), -np.sin(pitch)), (0, np.sin(pitch), np.cos(pitch)))
        about_z = ((np.cos(roll), -np.sin(roll), 0), (np.sin(roll), np.cos(roll), 0), (0, 0, 1))
        return np.asarray(np.array(about_z) @ np.array(about_x) @ np.array(about_y), dtype=np.float32)

    def to_camera(self, points: Floats) -> Floats:
        """Map points (n, 3) of the head to the camera's frame: x right, y up, z towards the viewer."""
        turned = np.einsum("ni,ji->nj", points - PIVOT, self.rotation())
        return np.asarray(turned + np.array([*self.shift, -self.distance], dtype=np.float32), dtype=np.float32)

    def project(self, seen: Floats, size: int) -> Floats:
        """Map points (n, 3) in the camera's frame to pixels (n, 2): column, row; pixel centres at whole numbers."""
        scale = size * self.distance / self.span
        flat = seen[:, :2] / -seen[:, 2:] * scale
        return np.stack([size / 2 - 0.5 + flat[:, 0], size / 2 - 0.5 - flat[:, 1]], axis=1).astype(np.float32)
