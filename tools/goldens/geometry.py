#!/usr/bin/env python3
"""Writes Tests/GeometryTests/Goldens.swift: what scipy, OpenCV and shapely say of the same numbers.

    pip install numpy scipy opencv-python-headless shapely && python3 tools/goldens/geometry.py

Seed 11.
"""
import pathlib

import cv2
import numpy as np
import shapely.affinity
import shapely.geometry
from scipy.spatial.transform import Rotation, Slerp

rng = np.random.default_rng(11)
lines = [
    "/// Made by tools/goldens/geometry.py: what scipy, OpenCV and shapely say of the same numbers.",
    "enum Golden {",
]


def emit(name, kind, rows):
    lines.append(f"  static let {name}: [{kind}] = [")
    for row in rows:
        lines.append("    [" + ", ".join(repr(float(v)) for v in row) + "],")
    lines.append("  ]")


def wxyz(rotation):
    x, y, z, w = rotation.as_quat()
    return [w, x, y, z]


rows, slerps = [], []
for _ in range(12):
    a, b = Rotation.random(random_state=rng), Rotation.random(random_state=rng)
    v = rng.normal(0, 3, 3)
    product = wxyz(a * b)
    yaw = np.arctan2(a.as_matrix()[1, 0], a.as_matrix()[0, 0])
    rows.append(wxyz(a) + wxyz(b) + product + list(v) + list(a.apply(v)) + [yaw, (a.inv() * b).magnitude()])
    f = rng.uniform()
    slerps.append(wxyz(a) + wxyz(b) + [f] + wxyz(Slerp([0, 1], Rotation.concatenate([a, b]))(f)))
lines.append("  /// a (4), b (4), a b (4), v (3), a v (3), yaw of a, angle from a to b.")
emit("rotations", "[Double]", rows)
lines.append("  /// a (4), b (4), fraction, between (4).")
emit("slerps", "[Double]", slerps)

camera = np.array([[1266.4, 0, 816.3], [0, 1260.2, 491.5], [0, 0, 1]])
plumb = np.array([-0.31, 0.12, 1.1e-3, -2.3e-3, 0.014])
fish = np.array([0.031, -0.012, 0.004, -0.0011])
points = np.stack([rng.uniform(-6, 6, 20), rng.uniform(-4, 4, 20), rng.uniform(8, 40, 20)], -1)
wide = np.stack([rng.uniform(-20, 20, 20), rng.uniform(-6, 6, 20), rng.uniform(1, 9, 20)], -1)
projected = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera, plumb)[0][:, 0]
fished = cv2.fisheye.projectPoints(wide[:, None], np.zeros(3), np.zeros(3), camera, fish)[0][:, 0]
lines.append("  /// Point (3), pixel (2) by cv2.projectPoints.")
emit("plumbBob", "[Double]", np.hstack([points, projected]))
lines.append("  /// Point (3), pixel (2) by cv2.fisheye.projectPoints.")
emit("equidistant", "[Double]", np.hstack([wide, fished]))


def box(x, y, w, l, yaw):
    square = shapely.geometry.box(-l / 2, -w / 2, l / 2, w / 2)
    return shapely.affinity.translate(shapely.affinity.rotate(square, yaw, (0, 0), use_radians=True), x, y)


rows = []
for _ in range(24):
    a = [rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(1, 3), rng.uniform(2, 6), rng.uniform(-4, 4)]
    b = [rng.uniform(-2, 2), rng.uniform(-2, 2), rng.uniform(1, 3), rng.uniform(2, 6), rng.uniform(-4, 4)]
    one, two = box(*a), box(*b)
    rows.append(a + b + [one.intersection(two).area / one.union(two).area])
lines.append("  /// x, y, width, length, yaw of two boxes (5 + 5), intersection over union by shapely.")
emit("overlaps", "[Double]", rows)
lines.append("}")
target = pathlib.Path(__file__).parents[2] / "Tests/GeometryTests/Goldens.swift"
target.write_text("\n".join(lines) + "\n")
