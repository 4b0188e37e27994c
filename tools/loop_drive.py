#!/usr/bin/env python3
"""Writes a dataroot whose one scene is another's played over and over: for memory and time over long drives.

Usage: loop_drive.py SOURCE SCENE TIMES OUT
Tables are new; sensor files are hard links (copies where those are not possible). Annotations are left out. Each turn begins
one median keyframe interval after the last; the ego jumps back to where it began, as if lifted there.
"""
import hashlib
import json
import os
import shutil
import statistics
import sys
from pathlib import Path

source, scene_name, times, out = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
version = next(p.name for p in sorted(source.glob("v1.0-*")))


def load(name):
    return json.loads((source / version / f"{name}.json").read_text())


def turned(token, turn):
    return hashlib.md5(f"{turn}/{token}".encode()).hexdigest() if token else ""


scene = next(s for s in load("scene") if s["name"] == scene_name)
samples = sorted((s for s in load("sample") if s["scene_token"] == scene["token"]), key=lambda s: s["timestamp"])
own = {s["token"] for s in samples}
data = [d for d in load("sample_data") if d["sample_token"] in own]
poses = {p["token"]: p for p in load("ego_pose")}
stamps = [s["timestamp"] for s in samples]
period = stamps[-1] - stamps[0] + int(statistics.median(b - a for a, b in zip(stamps, stamps[1:])))

tables = {"sample": [], "sample_data": [], "ego_pose": []}
last_of = {}
for turn in range(times):
    shift = turn * period
    for k, s in enumerate(samples):
        new = dict(s, token=turned(s["token"], turn), timestamp=s["timestamp"] + shift)
        new["prev"] = tables["sample"][-1]["token"] if tables["sample"] else ""
        new["next"] = ""
        if tables["sample"]:
            tables["sample"][-1]["next"] = new["token"]
        tables["sample"].append(new)
    for d in sorted(data, key=lambda d: d["timestamp"]):
        new = dict(d, token=turned(d["token"], turn), sample_token=turned(d["sample_token"], turn))
        new.update(ego_pose_token=turned(d["ego_pose_token"], turn), timestamp=d["timestamp"] + shift, next="")
        before = last_of.get(d["calibrated_sensor_token"])
        new["prev"] = before["token"] if before else ""
        if before:
            before["next"] = new["token"]
        last_of[d["calibrated_sensor_token"]] = new
        tables["sample_data"].append(new)
        pose = poses[d["ego_pose_token"]]
        tables["ego_pose"].append(dict(pose, token=new["ego_pose_token"], timestamp=pose["timestamp"] + shift))
tables["ego_pose"] = list({p["token"]: p for p in tables["ego_pose"]}.values())
tables["scene"] = [
    dict(
        scene, nbr_samples=len(tables["sample"]), first_sample_token=tables["sample"][0]["token"],
        last_sample_token=tables["sample"][-1]["token"])
]
for name in ["attribute", "calibrated_sensor", "category", "log", "map", "sensor", "visibility"]:
    tables[name] = load(name)
for name in ["instance", "sample_annotation"]:
    tables[name] = []

(out / version).mkdir(parents=True)
for name, records in tables.items():
    (out / version / f"{name}.json").write_text(json.dumps(records, indent=0))
for name in sorted({d["filename"] for d in data} | {m["filename"] for m in tables["map"]}):
    if not (source / name).is_file():
        continue
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source / name, out / name)
    except OSError:
        shutil.copyfile(source / name, out / name)
print(f"{out}: {len(tables['sample'])} keyframes over {times * period / 6e7:.1f} minutes")
