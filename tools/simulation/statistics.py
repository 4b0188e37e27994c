#!/usr/bin/env python3
"""Statistics of a dataroot's pictures and of its LiDAR's intensities, for the comparison of simulated with recorded ones.

    statistics.py DATAROOT ...        a line of figures a dataroot

Pictures, at a width of 400: mean brightness; its spread (standard deviation); the mean of max(R, G, B) - min(R, G, B)
as saturation; the share of pixels whose three values are all 250 or more (blown), and whose three are all 10 or less
(black); the mean step between neighbours. Deviations between the means of a dataroot's cameras follow for brightness
and for the ratio of red to blue. LiDAR keyframes: the 50th and 95th percentile of intensities of points farther than
3 m. Needs numpy and Pillow.
"""
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image


def picture(path):
    with Image.open(path) as image:
        image = image.convert("RGB")
        height = max(1, round(image.height * 400 / image.width))
        pixels = np.asarray(image.resize((400, height), Image.BOX), dtype=float)
        whole = np.asarray(image)[::2, ::2]
    grey = pixels @ [0.299, 0.587, 0.114]
    return {
        "brightness": grey.mean(),
        "spread": grey.std(),
        "saturation": (pixels.max(2) - pixels.min(2)).mean(),
        "blown": (whole.min(2) >= 250).mean(),
        "black": (whole.max(2) <= 10).mean(),
        "step": (abs(np.diff(grey, axis=0)).mean() + abs(np.diff(grey, axis=1)).mean()) / 2,
        "red over blue": pixels[..., 0].mean() / max(pixels[..., 2].mean(), 1),
    }


def figures(root, limit=120):
    root = Path(root)
    folders = sorted((root / "samples").iterdir())
    by_camera, intensities = defaultdict(list), []
    for folder in folders:
        files = sorted(folder.iterdir())
        files = files[:: max(1, len(files) * 6 // limit)]
        for file in files:
            if file.suffix in (".jpg", ".png"):
                by_camera[folder.name].append(picture(file))
            elif file.suffix == ".bin":
                points = np.fromfile(file, "<f4").reshape(-1, 5)
                intensities.append(points[np.hypot(points[:, 0], points[:, 1]) > 3, 3])
    all_pictures = [p for pictures in by_camera.values() for p in pictures]
    result = {k: round(float(np.mean([p[k] for p in all_pictures])), 4) for k in all_pictures[0]} if all_pictures else {}
    for key in ("brightness", "red over blue"):
        means = [np.mean([p[key] for p in pictures]) for pictures in by_camera.values()]
        if means:
            result[f"{key}, deviation between cameras"] = round(float(np.std(means)), 3)
    if intensities:
        values = np.concatenate(intensities)
        result["intensity 50 %, 95 %"] = [round(float(np.percentile(values, q)), 1) for q in (50, 95)]
    result["pictures"] = len(all_pictures)
    return result


if __name__ == "__main__":
    for root in sys.argv[1:]:
        print(root, json.dumps(figures(root)))
