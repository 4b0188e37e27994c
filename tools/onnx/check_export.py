#!/usr/bin/env python3
"""Runs every part of an exported model in ONNX Runtime and in apus, on the same random inputs, element by element.

    apus model create configurations/default.yaml --seed 1 --out model.safetensors
    pip install onnxruntime numpy
    python3 tools/onnx/check_export.py .build/release/apus model.safetensors

Each part is compared with `apus run` on the part's own ONNX file, and the image branch is joined to the BEV encoder by
numpy sums over `pooling.npz` on both sides, so that the encoder sees features as they come.

First weights leave the refiner's blocks at zero (adaLN-Zero), and a comparison would say nothing of them: in a copy of
the model, every weight that is all zeros is drawn at random (--as-it-is: not).

Differences are parts of an output's range (largest less smallest). 1e-4 is allowed: both compute in float32, whose sums
of some thousand products differ by their order at about 1e-6 of the range a layer, and tens of layers follow each other.
What is not a number (a masked row) must be so on both sides; booleans and integers must be equal.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

ALLOWED = 1e-4
TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}


def random_input(name, shape, dtype, random):
    """Values that the network may be given: kinds and types of lines in range, masks with at least one token."""
    if dtype == np.bool_:
        mask = random.random(shape) < 0.7
        mask[..., 0] = True
        return mask
    if dtype == np.int64:
        return random.integers(0, 2, shape)
    if name == "time":
        return random.integers(0, 50, shape).astype(np.float32)
    if name.endswith("mask"):
        return (random.random(shape) < 0.7).astype(np.float32)
    return random.normal(0, 1, shape).astype(np.float32)


def pooled(pooling, depth, context):
    """`camera_bev`: sums over each cell's points, as apus export documents pooling.npz."""
    points, starts = pooling["points"], pooling["starts"]
    cameras, bins, rows, columns = pooling["shape"]
    pixels = rows * columns
    camera, pixel = points // (bins * pixels), points % pixels
    features = context.reshape(cameras, -1, pixels)[camera, :, pixel] * depth.reshape(-1)[points][:, None]
    if "weights" in pooling:
        features *= pooling["weights"][:, None]
    sums = np.zeros((len(starts) - 1, features.shape[1]))
    np.add.at(sums, np.repeat(np.arange(len(starts) - 1), np.diff(starts)), features)
    return sums.T.reshape(1, -1, *pooling["grid"]).astype(np.float32)


def awakened(path, target, random):
    """A copy of a model's file whose arrays of zeros hold small random values."""
    data = bytearray(pathlib.Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (start + offset for offset in entry["data_offsets"])
        if not any(data[begin:end]):
            values = random.normal(0, 0.05, (end - begin) // 4).astype("<f4")
            data[begin:end] = values.tobytes()
    target.write_bytes(data)
    return target


def in_apus(apus, model, inputs, folder):
    folder.mkdir()
    arguments = [apus, "run", model, "--output", folder / "out"]
    for name, value in inputs.items():
        np.save(folder / f"{name}.npy", value)
        arguments += ["--input", f"{name}={folder / name}.npy"]
    subprocess.run([str(a) for a in arguments], check=True)
    return {path.stem: np.load(path) for path in (folder / "out").glob("*.npy")}


def difference(found, expected):
    """The largest difference as a part of the range; 1 where what is no number or no float differs."""
    if expected.shape != found.shape:
        return np.inf
    if expected.dtype != np.float32:
        return float((expected != found).any())
    finite = np.isfinite(expected)
    if (finite != np.isfinite(found)).any():
        return np.inf
    if not finite.any():
        return 0.0
    spread = np.ptp(expected[finite])
    # An output of one value has no range: its size is the measure then.
    scale = spread if spread > 0 else max(abs(float(expected[finite][0])), 1.0)
    return float(np.abs(expected[finite].astype(np.float64) - found[finite]).max() / scale)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("apus", help="the program")
    parser.add_argument("model", help="a model's file")
    parser.add_argument("--rig", default="calibration/nuscenes.yaml")
    parser.add_argument("--as-it-is", action="store_true", help="leave weights of zeros")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    onnxruntime.set_default_logger_severity(3)
    worst = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model = options.model if options.as_it_is else awakened(options.model, folder / "model.safetensors", random)
        subprocess.run(
            [options.apus, "export", model, "--onnx", folder, "--rig", options.rig],
            check=True, stdout=subprocess.DEVNULL)
        pooling = dict(np.load(folder / "pooling.npz")) if (folder / "pooling.npz").exists() else None
        carried = {}
        for part in ["image_branch", "bev_encoder", "refiner_encoder", "refiner_step"]:
            path = folder / part / "model.onnx"
            if not path.exists():
                continue
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            inputs = {}
            for i in session.get_inputs():
                inputs[i.name] = carried.get(i.name)
                if inputs[i.name] is None:
                    inputs[i.name] = random_input(i.name, i.shape, TYPES[i.type], random)
            names = [o.name for o in session.get_outputs()]
            theirs = dict(zip(names, session.run(None, inputs)))
            ours = in_apus(options.apus, path, inputs, folder / f"{part}.run")
            assert sorted(ours) == sorted(names), (part, sorted(ours), sorted(names))
            for name in names:
                d = difference(ours[name], theirs[name])
                shape = "x".join(str(n) for n in theirs[name].shape)
                print(f"{part:16} {name:24} {shape:20} {d:.1e}")
                worst = max(worst, d)
            carried.update(theirs)
            if part == "image_branch" and pooling is not None:
                both = [pooled(pooling, side["depth"], side["context"]) for side in (ours, theirs)]
                d = difference(*both)
                print(f"{'pooling.npz':16} {'camera_bev':24} {'x'.join(map(str, both[1].shape)):20} {d:.1e}")
                worst = max(worst, d)
                carried["camera_bev"] = both[1]
    print("ok" if worst <= ALLOWED else "FAIL", f"worst {worst:.1e}, {ALLOWED:.0e} allowed")
    sys.exit(not worst <= ALLOWED)


if __name__ == "__main__":
    main()
