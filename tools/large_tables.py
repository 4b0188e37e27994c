#!/usr/bin/env python3
"""Writes tables of nuScenes trainval's size: 850 scenes, 34,000 keyframes, 2.6 M measurements, 1.2 M annotations.

Usage: large_tables.py DATAROOT [SCENES]   (850 scenes take 3 GB; the sensor files that the tables name do not exist)
What Recording's README says of time and memory is measured on them:
  APUS_LARGE_DATAROOT=DATAROOT swift test -c release -Xcc -ffp-contract=off --filter largeTables
"""
import hashlib
import json
import sys
from pathlib import Path

root = Path(sys.argv[1]) / "v1.0-trainval"
scenes = int(sys.argv[2]) if len(sys.argv) > 2 else 850
root.mkdir(parents=True, exist_ok=True)
SAMPLES, PER_SAMPLE, BOXES, LENGTH = 40, 77, 34, 20  # boxes a keyframe, keyframes an instance
CHANNELS = ["LIDAR_TOP", "CAM_FRONT", "CAM_FRONT_LEFT", "CAM_FRONT_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_BACK_RIGHT"]


def token(*parts):
    return hashlib.md5("/".join(map(str, parts)).encode()).hexdigest()


class Table:
    """A table as nuScenes prints it: an indented line a field."""

    def __init__(self, name):
        self.file = open(root / f"{name}.json", "w")
        self.first = True

    def add(self, **record):
        self.file.write("[\n" if self.first else ",\n")
        self.first = False
        self.file.write("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in record.items()) + "\n}")

    def close(self):
        self.file.write("[]\n" if self.first else "\n]\n")
        self.file.close()


names = ["attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample"]
names += ["sample_annotation", "sample_data", "scene", "sensor", "visibility"]
t = {n: Table(n) for n in names}
t["attribute"].add(token=token("attribute"), name="vehicle.moving", description="")
t["category"].add(token=token("category"), name="vehicle.car", description="")
for k in range(4):
    t["visibility"].add(token=str(k + 1), level="", description="")
for c in CHANNELS:
    t["sensor"].add(token=token("sensor", c), channel=c, modality="lidar" if c == "LIDAR_TOP" else "camera")
matrix = [[1266.417203046554, 0.0, 816.2670197447984], [0.0, 1266.417203046554, 491.50706579294757], [0.0, 0.0, 1.0]]
t["map"].add(token=token("map"), log_tokens=[token("log", s) for s in range(scenes)], category="semantic_prior", filename="maps/none.png")
for s in range(scenes):
    t["log"].add(token=token("log", s), logfile=f"n015-{s}", vehicle="n015", date_captured="2018-07-24", location="singapore-onenorth")
    t["scene"].add(token=token("scene", s), log_token=token("log", s), nbr_samples=SAMPLES, first_sample_token=token("sample", s, 0),
                   last_sample_token=token("sample", s, SAMPLES - 1), name=f"scene-{s:04d}", description="")
    for c in CHANNELS:
        t["calibrated_sensor"].add(token=token("calibrated", s, c), sensor_token=token("sensor", c),
                                   translation=[1.70079118954, 0.0159456324149, 1.51095763913],
                                   rotation=[0.4998015430569128, -0.5030316162024876, 0.4997798114386805, -0.49737083824542755],
                                   camera_intrinsic=[] if c == "LIDAR_TOP" else matrix)
    count = SAMPLES * PER_SAMPLE
    for k in range(SAMPLES):
        stamp = 1532402927647951 + s * 30_000_000 + k * 500_000
        t["sample"].add(token=token("sample", s, k), timestamp=stamp, prev=token("sample", s, k - 1) if k else "",
                        next=token("sample", s, k + 1) if k + 1 < SAMPLES else "", scene_token=token("scene", s))
        for j in range(PER_SAMPLE):
            n, channel = k * PER_SAMPLE + j, CHANNELS[j % 7]
            here, time = token("data", s, n), stamp + j * 6_000
            ext, form = (".pcd.bin", "pcd") if channel == "LIDAR_TOP" else (".jpg", "jpg")
            t["sample_data"].add(token=here, sample_token=token("sample", s, k), ego_pose_token=here,
                                 calibrated_sensor_token=token("calibrated", s, channel), timestamp=time, fileformat=form,
                                 is_key_frame=j < 7, height=0 if form == "pcd" else 900, width=0 if form == "pcd" else 1600,
                                 filename=f"{'samples' if j < 7 else 'sweeps'}/{channel}/n015-2018-07-24-11-22-45+0800__{channel}__{time}{ext}",
                                 prev=token("data", s, n - 7) if n >= 7 else "", next=token("data", s, n + 7) if n + 7 < count else "")
            t["ego_pose"].add(token=here, timestamp=time, rotation=[-0.9687876119182126, -0.004506968075376869, -0.00792272203393983, 0.24772460658591755],
                              translation=[411.3039349319818 + n / 100, 1180.8903791765097, 0.0])
        for b in range(BOXES):
            i, step = (k // LENGTH) * BOXES + b, k % LENGTH
            box = lambda m: token("box", s, i, m)
            if step == 0:
                t["instance"].add(token=token("instance", s, i), category_token=token("category"), nbr_annotations=LENGTH,
                                  first_annotation_token=box(0), last_annotation_token=box(LENGTH - 1))
            t["sample_annotation"].add(token=box(step), sample_token=token("sample", s, k), instance_token=token("instance", s, i),
                                       visibility_token="4", attribute_tokens=[token("attribute")],
                                       translation=[373.214 + b, 1130.48 + k, 1.25], size=[1.642, 4.521, 1.621],
                                       rotation=[0.9831098797903927, 0.0, 0.0, -0.18301629506281616],
                                       prev=box(step - 1) if step else "", next=box(step + 1) if step + 1 < LENGTH else "",
                                       num_lidar_pts=5, num_radar_pts=0)
for table in t.values():
    table.close()
