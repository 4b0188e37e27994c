#!/usr/bin/env python3
"""The pictures in Sources/Simulation/README.md.

  figures.py comparison JSON_FOLDER OUT.png
      histograms of recorded and simulated sweeps, from the JSON that LidarComparisonTests writes to APUS_COMPARISON
  figures.py pictures DATAROOT OUT.jpg SCENE [SCENE ..]
      for each scene a row: the six cameras of its middle keyframe, the LiDAR from above, annotations over Occ3D labels

Needs numpy, matplotlib and Pillow.
"""
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def comparison(folder, out):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(13, 5.2))
    for row, name in enumerate(["nuscenes-keyframe", "pandaset-002"]):
        data = json.loads((Path(folder) / f"{name}.json").read_text())
        for column, key in enumerate(["range", "ring", "intensity"]):
            h, ax = data[key], axes[row, column]
            for who, color in (("recorded", "black"), ("simulated", "tab:red")):
                values = np.array(h[who]) / max(1, sum(h[who]))
                ax.step(np.arange(len(values)) * h["width"], values, where="post", color=color, label=who, lw=1.2)
            unit = {"range": "range (m)", "ring": "ring", "intensity": "intensity"}[key]
            if key == "ring" and name == "pandaset-002":
                unit += " (recorded ones are ranks)"
            ax.set_title(f"{unit}: total variation {h['total_variation']:.3f}", fontsize=8)
            ax.tick_params(labelsize=7)
        axes[row, 0].set_ylabel(f"{name}\nshare of returns", fontsize=8)
        ax, cars = axes[row, 3], np.array(data["cars"], float)
        has = cars[:, 0] > 0
        middle = np.arange(len(cars)) * 10 + 5
        for k, (who, color) in enumerate((("recorded", "black"), ("simulated", "tab:red"))):
            ax.plot(middle[has], cars[has, k + 1] / cars[has, 0], "o-", ms=3, lw=1.2, color=color, label=who)
        ax.set_yscale("log")
        ax.set_title("points a car by distance (m)", fontsize=8)
        ax.tick_params(labelsize=7)
    axes[0, 0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=75)


class Tables:
    def __init__(self, root):
        self.root = Path(root)
        version = next(p for p in sorted(self.root.iterdir()) if p.name.startswith("v1.0"))
        self.tables = {p.stem: json.loads(p.read_text()) for p in version.glob("*.json") if p.stem != "splits"}
        self.by_token = {name: {r["token"]: r for r in rows} for name, rows in self.tables.items()}

    def sample(self, scene_name):
        scene = next(s for s in self.tables["scene"] if s["name"] == scene_name)
        samples = [s for s in self.tables["sample"] if s["scene_token"] == scene["token"]]
        return sorted(samples, key=lambda s: s["timestamp"])[len(samples) // 2]

    def data(self, sample):
        result = {}
        for d in self.tables["sample_data"]:
            if d["sample_token"] == sample["token"] and d["is_key_frame"]:
                mount = self.by_token["calibrated_sensor"][d["calibrated_sensor_token"]]
                result[self.by_token["sensor"][mount["sensor_token"]]["channel"]] = (d, mount)
        return result


def matrix(q):
    w, x, y, z = q
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                     [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                     [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])


def colors(values):
    """Dark blue over green to yellow for 0 to 1."""
    stops = np.array([[30, 30, 90], [40, 120, 160], [60, 190, 110], [250, 230, 60]], float)
    at = np.clip(values, 0, 1) * (len(stops) - 1)
    low = np.minimum(at.astype(int), len(stops) - 2)
    return (stops[low] + (stops[low + 1] - stops[low]) * (at - low)[:, None]).astype(np.uint8)


def boxes(t, sample, data):
    """Corners of the annotated boxes on the ground, in the ego frame at the LiDAR's time."""
    pose = t.by_token["ego_pose"][data["LIDAR_TOP"][0]["ego_pose_token"]]
    turn = matrix(pose["rotation"]).T
    for a in t.tables["sample_annotation"]:
        if a["sample_token"] == sample["token"]:
            w, l, _ = a["size"]
            corners = np.array([[l, w, 0], [l, -w, 0], [-l, -w, 0], [-l, w, 0]]) / 2
            world = corners @ matrix(a["rotation"]).T + a["translation"]
            category = t.by_token["category"][t.by_token["instance"][a["instance_token"]]["category_token"]]["name"]
            yield category, ((world - pose["translation"]) @ turn.T)[:, :2]


def above(t, sample, data, side, reach=40.0):
    """The LiDAR seen from above, x to the right, coloured by height."""
    d, mount = data["LIDAR_TOP"]
    cloud = np.fromfile(t.root / d["filename"], np.float32).reshape(-1, 5)
    p = cloud[np.linalg.norm(cloud[:, :3], axis=1) > 1, :3] @ matrix(mount["rotation"]).T + mount["translation"]
    p = p[np.argsort(p[:, 2])]
    picture = np.full((side, side, 3), 12, np.uint8)
    u = ((p[:, 0] + reach) / (2 * reach) * side).astype(int)
    v = ((reach - p[:, 1]) / (2 * reach) * side).astype(int)
    inside = (u >= 0) & (v >= 0) & (u < side) & (v < side)
    picture[v[inside], u[inside]] = colors((p[inside, 2] + 0.5) / 4.5)
    return Image.fromarray(picture)


OCCUPANCY = np.array(
    [[0, 0, 0], [255, 120, 50], [255, 192, 203], [255, 255, 0], [0, 150, 245], [0, 255, 255], [255, 127, 0],
     [255, 0, 0], [255, 240, 150], [135, 60, 0], [160, 32, 240], [90, 90, 95], [139, 137, 137], [150, 130, 150],
     [120, 160, 70], [200, 200, 205], [0, 120, 0], [255, 255, 255]], np.uint8)


def bird(t, sample, data, scene, side, reach=40.0):
    """The highest filled voxel's class a column, with the annotated boxes."""
    labels = np.load(t.root / "gts" / scene / sample["token"] / "labels.npz")["semantics"]
    top = np.full(labels.shape[:2], 17, np.uint8)
    for k in range(labels.shape[2]):
        filled = labels[:, :, k] != 17
        top[filled] = labels[:, :, k][filled]
    picture = Image.fromarray(OCCUPANCY[top.T[::-1]]).resize((side, side), Image.NEAREST)
    draw = ImageDraw.Draw(picture)
    for category, corners in boxes(t, sample, data):
        points = [((x + reach) / (2 * reach) * side, (reach - y) / (2 * reach) * side) for x, y in corners]
        color = (0, 90, 255) if category.startswith("vehicle") else (220, 0, 60)
        draw.line(points + points[:1], fill=color, width=1)
        draw.line([points[0], points[1]], fill=(0, 0, 0), width=1)
    return picture


def pictures(root, out, scenes):
    t = Tables(root)
    width, height = 240, 135
    side = 2 * height
    sheet = Image.new("RGB", (3 * width + 2 * side + 8, len(scenes) * (side + 4)), "white")
    order = ["CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT"]
    for row, scene in enumerate(scenes):
        sample = t.sample(scene)
        data = t.data(sample)
        top = row * (side + 4)
        for k, channel in enumerate(order):
            with Image.open(t.root / data[channel][0]["filename"]) as image:
                small = image.convert("RGB").resize((width, height), Image.LANCZOS)
            sheet.paste(small, (k % 3 * width, top + k // 3 * height))
        sheet.paste(above(t, sample, data, side), (3 * width + 4, top))
        sheet.paste(bird(t, sample, data, scene, side), (3 * width + side + 8, top))
    sheet.save(out, quality=74)


if __name__ == "__main__":
    if len(sys.argv) >= 4 and sys.argv[1] == "comparison":
        comparison(sys.argv[2], sys.argv[3])
    elif len(sys.argv) >= 5 and sys.argv[1] == "pictures":
        pictures(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        sys.exit(__doc__)
