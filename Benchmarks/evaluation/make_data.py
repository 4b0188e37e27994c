#!/usr/bin/env python3
"""Writes a dataroot of nuScenes val's size with results for it: annotations and LiDAR poses, no sensor files.

Usage: make_data.py FOLDER [SCENES]     default: 150 scenes of 40 keyframes: about 190,000 boxes and 300,000 detections
FOLDER gets the dataroot `data` (version v1.0-mini, split `all`), `detections/detections.json` and `tracks/tracks.json`.
Objects drive straight on at their own speed around an ego that drives at 8 m/s; results are the true boxes with noise, some
left out, and boxes of nothing. Seeded: the same files each time.
"""
import hashlib
import json
import math
import random
import sys
from pathlib import Path

folder = Path(sys.argv[1])
SCENES = int(sys.argv[2]) if len(sys.argv) > 2 else 150
KEYFRAMES, OBJECTS, FALSE = 40, 32, 43
CLASSES = [  # class, category, attribute, size, share
    ("car", "vehicle.car", "vehicle.moving", (1.9, 4.6, 1.7), 0.42),
    ("truck", "vehicle.truck", "vehicle.moving", (2.5, 7.0, 2.8), 0.08),
    ("bus", "vehicle.bus.rigid", "vehicle.moving", (2.9, 11.0, 3.5), 0.03),
    ("trailer", "vehicle.trailer", "vehicle.parked", (2.9, 12.0, 3.9), 0.03),
    ("construction_vehicle", "vehicle.construction", "vehicle.parked", (2.7, 6.4, 3.2), 0.02),
    ("pedestrian", "human.pedestrian.adult", "pedestrian.moving", (0.7, 0.7, 1.8), 0.22),
    ("motorcycle", "vehicle.motorcycle", "cycle.with_rider", (0.8, 2.1, 1.5), 0.02),
    ("bicycle", "vehicle.bicycle", "cycle.with_rider", (0.6, 1.7, 1.3), 0.02),
    ("traffic_cone", "movable_object.trafficcone", "", (0.4, 0.4, 1.1), 0.07),
    ("barrier", "movable_object.barrier", "", (2.5, 0.5, 1.0), 0.09),
]
TRACKED = {"car", "truck", "bus", "trailer", "pedestrian", "motorcycle", "bicycle"}
rng = random.Random(20260)


def token(*parts):
    return hashlib.md5("/".join(map(str, parts)).encode()).hexdigest()


def rotation(yaw):
    return [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]


names = ["attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample", "sample_annotation",
         "sample_data", "scene", "sensor", "visibility"]
t = {n: [] for n in names}
attributes = sorted({c[2] for c in CLASSES if c[2]})
t["attribute"] = [{"token": token("attribute", a), "name": a, "description": ""} for a in attributes]
t["category"] = [{"token": token("category", c[1]), "name": c[1], "description": ""} for c in CLASSES]
t["visibility"] = [{"token": str(k), "level": "", "description": ""} for k in range(1, 5)]
t["sensor"] = [{"token": token("sensor"), "channel": "LIDAR_TOP", "modality": "lidar"}]
t["map"] = [{"token": token("map"), "log_tokens": [token("log")], "category": "semantic_prior", "filename": "maps/none.png"}]
t["log"] = [{"token": token("log"), "logfile": "made", "vehicle": "made", "date_captured": "2026-01-01", "location": "nowhere"}]
t["calibrated_sensor"] = [{"token": token("calibrated"), "sensor_token": token("sensor"), "translation": [0.9, 0.0, 1.8],
                           "rotation": [1.0, 0.0, 0.0, 0.0], "camera_intrinsic": []}]
detections, tracks = {}, {}
for s in range(SCENES):
    objects = []
    for o in range(OBJECTS):
        kind = rng.choices(CLASSES, [c[4] for c in CLASSES])[0]
        moves = kind[2].endswith("moving") or kind[2].endswith("rider")
        speed = rng.uniform(0, 1.5 if kind[0] == "pedestrian" else 9) if moves else 0.0
        yaw = rng.uniform(-math.pi, math.pi)
        place = (rng.uniform(-40, 200), rng.uniform(-35, 35))
        objects.append((kind, place, yaw, speed, rng.uniform(0.2, 0.95), rng.random() < 0.15))
    for k in range(KEYFRAMES):
        here, stamp = token("sample", s, k), 1_500_000_000_000_000 + s * 60_000_000 + k * 500_000
        ego = (4.0 * k, 0.0)
        t["sample"].append({"token": here, "timestamp": stamp, "scene_token": token("scene", s),
                            "prev": token("sample", s, k - 1) if k else "",
                            "next": token("sample", s, k + 1) if k + 1 < KEYFRAMES else ""})
        data = token("data", s, k)
        t["ego_pose"].append({"token": data, "timestamp": stamp, "rotation": [1.0, 0.0, 0.0, 0.0], "translation": [*ego, 0.0]})
        t["sample_data"].append({"token": data, "sample_token": here, "ego_pose_token": data, "timestamp": stamp,
                                 "calibrated_sensor_token": token("calibrated"), "fileformat": "pcd", "is_key_frame": True,
                                 "height": 0, "width": 0, "filename": f"samples/LIDAR_TOP/{s}_{k}.pcd.bin",
                                 "prev": token("data", s, k - 1) if k else "",
                                 "next": token("data", s, k + 1) if k + 1 < KEYFRAMES else ""})
        found, followed = [], []
        for o, (kind, place, yaw, speed, quality, switches) in enumerate(objects):
            x, y = place[0] + speed * math.cos(yaw) * 0.5 * k, place[1] + speed * math.sin(yaw) * 0.5 * k
            size, velocity = list(kind[3]), [speed * math.cos(yaw), speed * math.sin(yaw)]
            box = lambda m: token("box", s, o, m)
            t["sample_annotation"].append({
                "token": box(k), "sample_token": here, "instance_token": token("instance", s, o), "visibility_token": "4",
                "attribute_tokens": [token("attribute", kind[2])] if kind[2] else [], "translation": [x, y, 1.0], "size": size,
                "rotation": rotation(yaw), "prev": box(k - 1) if k else "", "next": box(k + 1) if k + 1 < KEYFRAMES else "",
                "num_lidar_pts": 0 if rng.random() < 0.2 else 20, "num_radar_pts": 0})
            if math.hypot(x - ego[0], y - ego[1]) > 60 or rng.random() > quality:
                continue
            spread = rng.choice([0.2, 0.5, 1.2])
            common = {"sample_token": here, "translation": [x + rng.gauss(0, spread), y + rng.gauss(0, spread), 1.0],
                      "size": [v * rng.uniform(0.85, 1.15) for v in size], "rotation": rotation(yaw + rng.gauss(0, 0.2)),
                      "velocity": [v + rng.gauss(0, 0.5) for v in velocity]}
            score = min(0.999, max(0.001, rng.gauss(quality, 0.15)))
            found.append({**common, "detection_name": kind[0], "detection_score": score, "attribute_name": kind[2]})
            if kind[0] in TRACKED:
                name = f"{s}-{o}" + ("-b" if switches and k >= KEYFRAMES // 2 else "")
                followed.append({**common, "tracking_id": name, "tracking_name": kind[0], "tracking_score": score})
        for f in range(FALSE):
            kind = rng.choices(CLASSES, [c[4] for c in CLASSES])[0]
            common = {"sample_token": here, "translation": [ego[0] + rng.uniform(-50, 50), rng.uniform(-50, 50), 1.0],
                      "size": list(kind[3]), "rotation": rotation(rng.uniform(-3, 3)), "velocity": [0.0, 0.0]}
            score = min(0.999, rng.betavariate(1.2, 6) + 0.001)
            found.append({**common, "detection_name": kind[0], "detection_score": score, "attribute_name": kind[2]})
            if kind[0] in TRACKED and f < 8:
                followed.append({**common, "tracking_id": f"{s}-false-{f}-{k // 4}", "tracking_name": kind[0], "tracking_score": score})
        detections[here], tracks[here] = found, followed
    for o, (kind, *_) in enumerate(objects):
        t["instance"].append({"token": token("instance", s, o), "category_token": token("category", kind[1]),
                              "nbr_annotations": KEYFRAMES, "first_annotation_token": token("box", s, o, 0),
                              "last_annotation_token": token("box", s, o, KEYFRAMES - 1)})
    t["scene"].append({"token": token("scene", s), "log_token": token("log"), "nbr_samples": KEYFRAMES,
                       "first_sample_token": token("sample", s, 0), "last_sample_token": token("sample", s, KEYFRAMES - 1),
                       "name": f"made-{s:04d}", "description": ""})

version = folder / "data" / "v1.0-mini"
version.mkdir(parents=True, exist_ok=True)
for name, rows in t.items():
    (version / f"{name}.json").write_text(json.dumps(rows, indent=0))
(version / "splits.json").write_text(json.dumps({"all": [r["name"] for r in t["scene"]]}))
(folder / "data" / "maps").mkdir(exist_ok=True)
(folder / "data" / "maps" / "none.png").touch()
meta = {"use_camera": False, "use_lidar": True, "use_radar": False, "use_map": False, "use_external": False}
for name, results in (("detections", detections), ("tracks", tracks)):
    (folder / name).mkdir(exist_ok=True)
    (folder / name / f"{name}.json").write_text(json.dumps({"meta": meta, "results": results}))
print(f"{len(t['sample'])} keyframes, {len(t['sample_annotation'])} boxes, {sum(map(len, detections.values()))} detections, "
      f"{sum(map(len, tracks.values()))} boxes of tracks")
