#!/usr/bin/env python3
"""`apus evaluate` beside nuscenes-devkit on the same files: CPU seconds, peak memory, and the largest difference of a figure.

Usage: run.py FOLDER DEVKIT_PYTHON [detection] [tracking]     FOLDER by make_data.py; APUS=path names the build
DEVKIT_PYTHON is an interpreter that has nuscenes-devkit 1.2.0 with motmetrics 1.4.0. CPU seconds are taken, since both
programs use one core and wall time depends on what else runs. Each process is measured whole, from start to exit.
"""
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

folder, python = Path(sys.argv[1]), sys.argv[2]
kinds = sys.argv[3:] or ["detection", "tracking"]
apus = os.environ.get("APUS", ".build/release/apus")
DEVKIT = r"""
import json, sys
kind, data, results, out = sys.argv[1:]
from nuscenes import NuScenes
if kind == "detection":
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.detection.evaluate import DetectionEval
    nusc = NuScenes(version="v1.0-mini", dataroot=data, verbose=False)
    metrics, _ = DetectionEval(nusc, config_factory("detection_cvpr_2019"), results, "all", out, verbose=False).evaluate()
else:
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.tracking.evaluate import TrackingEval
    metrics, _ = TrackingEval(config_factory("tracking_nips_2019"), results, "all", out, "v1.0-mini", data, verbose=False).evaluate()
json.dump(metrics.serialize(), open(out + "/figures.json", "w"))
"""


def run(command):
    """The command's CPU seconds, peak memory in MB and output."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"{command[0]} failed with status {status}")
        output.seek(0)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.read()


def difference(expected, found, path=""):
    """The largest difference of a figure that both have, with its path."""
    if isinstance(expected, dict):
        return max((difference(v, found[k], f"{path}.{k}") for k, v in expected.items() if isinstance(found, dict) and k in found),
                   default=(0.0, ""))
    if not isinstance(expected, (int, float)) or math.isnan(expected):
        return 0.0, ""
    return (math.inf if found is None else abs(expected - found)), path


print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}")
for kind in kinds:
    results = {"detection": "detections", "tracking": "tracks"}[kind]
    seconds, memory, text = run([apus, "evaluate", str(folder / results), "--truth", str(folder / "data"), "--split", "all", "--json"])
    with tempfile.TemporaryDirectory() as out:
        command = [python, "-c", DEVKIT, kind, str(folder / "data"), str(folder / results / f"{results}.json"), out]
        peer_seconds, peer_memory, _ = run(command)
        expected = json.loads((Path(out) / "figures.json").read_text())
    worst, where = difference(expected, json.loads(text)[kind])
    print(f"{kind}: apus {seconds:.2f} s, {memory:.0f} MB; devkit {peer_seconds:.1f} s, {peer_memory:.0f} MB; "
          f"{peer_seconds / seconds:.0f} times as fast, {peer_memory / memory:.1f} times less memory; largest difference {worst:.1e} {where}")
