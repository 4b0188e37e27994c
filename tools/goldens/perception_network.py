#!/usr/bin/env python3
"""Writes Tests/PerceptionTests/Fixtures/network.npz: what PyTorch makes of the networks' parts, heads, decoders and targets.

    pip install torch numpy && python3 tools/goldens/perception_network.py

Weights and inputs are not stored: both sides make them from their names (SplitMix64 seeded with FNV-1a of the name). The
networks are those of `NetworkGoldenTests`: `pyramid` (feature pyramids, concatenation, two pillars a cell) and `unet`
(UNets, gates, one pillar a cell), both with residual and inverted residual blocks.
"""
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
OUT = {}


def units(name, count):
    """`count` numbers in [0, 1) that belong to a name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    steps = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(state))
    z = steps
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def given(name, shape, low=-1.0, high=1.0):
    values = units(name, int(np.prod(shape))) * np.float32(high - low) + np.float32(low)
    return torch.from_numpy(values.reshape(shape))


def weight(name, shape):
    if name.endswith("running_var"):
        return given(name, shape, 0.5, 1.5)
    if name.endswith("running_mean"):
        return given(name, shape, -0.1, 0.1)
    if len(shape) == 1:
        return given(name, shape, 0.5, 1.5) if name.endswith("weight") else given(name, shape, -0.2, 0.2)
    bound = 1.7 / math.sqrt(np.prod(shape[1:]))
    return given(name, shape, -bound, bound)


# Blocks ------------------------------------------------------------------------------------------------------------

def conv(x, name, outputs, kernel=1, stride=1, padding=0, groups=1, bias=True):
    w = weight(name + ".weight", (outputs, x.shape[1] // groups, kernel, kernel))
    b = weight(name + ".bias", (outputs,)) if bias else None
    return F.conv2d(x, w, b, stride, padding, 1, groups)


def norm(x, name):
    c = (x.shape[1],)
    return F.batch_norm(
        x, weight(name + ".running_mean", c), weight(name + ".running_var", c), weight(name + ".weight", c),
        weight(name + ".bias", c), False, 0, 1e-5)


def block(x, name, outputs, kernel=3, stride=1, groups=1, activation=F.relu):
    y = conv(x, name + ".convolution", outputs, kernel, stride, kernel // 2, groups, bias=False)
    y = norm(y, name + ".normalization")
    return activation(y) if activation else y


def residual(x, name, outputs, stride):
    y = block(x, name + ".first", outputs, 3, stride)
    y = block(y, name + ".second", outputs, 3, activation=None)
    if y.shape != x.shape:
        x = block(x, name + ".shortcut", outputs, 1, stride, activation=None)
    return F.relu(y + x)


def inverted(x, name, outputs, stride, expansion):
    inputs, hidden = x.shape[1], x.shape[1] * expansion
    y = block(x, name + ".expand", hidden, 1, activation=F.silu) if expansion > 1 else x
    y = block(y, name + ".depthwise", hidden, 3, stride, hidden, F.silu)
    squeezed = max(1, int(inputs * 0.25))
    gate = F.silu(conv(y.mean((2, 3), keepdim=True), name + ".excitation.squeeze", squeezed))
    y = y * torch.sigmoid(conv(gate, name + ".excitation.excite", hidden))
    y = block(y, name + ".project", outputs, 1, activation=None)
    return y + x if y.shape == x.shape else y


def stage(x, name, kind, channels, depth=1, stride=2, expansion=4):
    for k in range(depth):
        s = stride if k == 0 else 1
        if kind == "residual":
            x = residual(x, f"{name}.block{k}", channels, s)
        else:
            x = inverted(x, f"{name}.block{k}", channels, s, expansion)
    return x


def resize(x, like):
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def neck(levels, kind, outputs, name):
    if kind == "pyramid":
        y = None
        for i in reversed(range(len(levels))):
            lateral = conv(levels[i], f"{name}.lateral{i}", outputs)
            y = lateral if y is None else lateral + resize(y, levels[i])
        return block(y, name + ".output", outputs)
    y = levels[-1]
    for i in reversed(range(len(levels) - 1)):
        channels = outputs if i == 0 else levels[i].shape[1]
        y = torch.cat([levels[i], resize(y, levels[i])], 1)
        y = block(y, f"{name}.up{i}.first", channels)
        y = block(y, f"{name}.up{i}.second", channels)
    return y


# Networks ----------------------------------------------------------------------------------------------------------

IMAGE_STAGES = [("residual", 6), ("residual", 6), ("inverted", 8), ("inverted", 10, 2)]
GRID_STAGES = [("residual", 6, 1, 1), ("residual", 8)]


def image_branch(x, kind):
    x = block(x, "image.stem", 4, 3, 2)
    levels = []
    for k, s in enumerate(IMAGE_STAGES):
        x = stage(x, f"image.stage{k}", *s)
        if k >= 2:
            levels.append(x)
    x = neck(levels, kind, 8, "image.neck")
    return torch.softmax(conv(x, "image.depth", 5), 1), conv(x, "image.context", 6)


def fuse(parts, outputs, method):
    both = torch.cat(parts, 1)
    if method == "concatenation":
        return F.relu(norm(conv(both, "bev.fusion.mix", outputs, 3, 1, 1, bias=False), "bev.fusion.norm"))
    total = 0
    for k, part in enumerate(parts):
        value = F.relu(norm(conv(part, f"bev.fusion.value.{k}", outputs, bias=False), f"bev.fusion.norm.{k}"))
        total = total + value * torch.sigmoid(conv(both, f"bev.fusion.gate.{k}", outputs))
    return total


def encoder(camera, pillars, warped, kind):
    lidar = block(pillars, "lidar.block0", 4, 3, 2 if kind == "pyramid" else 1)
    camera = block(camera, "bev.camera", 5, 1)
    x = fuse([camera, lidar, warped], 6, "concatenation" if kind == "pyramid" else "gated")
    levels = []
    for k, s in enumerate(GRID_STAGES):
        x = stage(x, f"bev.stage{k}", *s)
        levels.append(x)
    features = neck(levels, kind, 12, "bev.neck")
    return features, torch.tanh(conv(features, "bev.memory", 3))


def heads(x):
    hidden = block(x, "heads.detection.hidden", 9)
    channels = [("heatmap", 10), ("offset", 2), ("height", 1), ("size", 3), ("rotation", 2), ("velocity", 2)]
    result = {f"detection.{n}": conv(hidden, f"heads.detection.{n}", c) for n, c in channels + [("attribute", 8)]}
    layers = conv(block(x, "heads.map.hidden", 5), "heads.map.logits", 5 * 4)
    result["map.logits"] = F.pixel_shuffle(layers, 2)
    cells = conv(block(x, "heads.occupancy.hidden", 4), "heads.occupancy.logits", 2 * 4)
    result["occupancy.logits"] = F.pixel_shuffle(cells, 2)
    result["trajectory.features"] = block(x, "heads.trajectories.features", 7, 1)
    return result


def network(kind):
    depth, context = image_branch(given("images", (2, 3, 32, 64)), kind)
    OUT[f"{kind}/depth"], OUT[f"{kind}/context"] = depth, context
    side = 32 if kind == "pyramid" else 16
    features, memory = encoder(
        given("camera_bev", (1, 6, 16, 16)), given("lidar_bev", (1, 5, side, side), 0, 1),
        given("warped_bev", (1, 3, 16, 16)), kind)
    OUT[f"{kind}/bev"] = memory
    for name, value in heads(features).items():
        OUT[f"{kind}/{name}"] = value


def volume():
    x = given("features", (1, 12, 64, 64))
    hidden = block(x[:, :, 7:57, 7:57], "heads.volume.hidden", 3)
    OUT["volume/hidden"] = hidden
    # [cell, class, di, dj, k] of a 1x1 convolution whose channels are (class, di, dj, k)
    logits = conv(hidden, "heads.volume.classes", 18 * 16 * 16)[0]
    OUT["volume/places"] = torch.arange(0, 50 * 50 * 18 * 256, 3571)
    flat = logits.permute(1, 2, 0).reshape(-1)
    OUT["volume/logits"] = flat[OUT["volume/places"]]
    # Occ3D's own layout [x, y, z] of the likeliest classes.
    best = logits.reshape(18, 4 * 4 * 16, 50, 50).argmax(0).reshape(4, 4, 16, 50, 50)
    OUT["volume/semantics"] = best.permute(3, 0, 4, 1, 2).reshape(200, 200, 16).to(torch.uint8)


# Decoder -----------------------------------------------------------------------------------------------------------

RADII = [2, 3.46, 3.16, 3.16, 3.46, 0.42, 0.92, 0.92, 0.42, 1]
ATTRIBUTES = [(5, 8)] * 5 + [(2, 5), (0, 2), (0, 2), (0, 0), (0, 0)]


def decoder():
    size, cell, low = 32, 1.6, -25.6
    heat = given("decode.heatmap", (1, 10, size, size), -9, 3).double()
    parts = {
        "offset": given("decode.offset", (2, size, size), 0, 1), "height": given("decode.height", (1, size, size), -1, 2),
        "size": given("decode.size", (3, size, size), -1, 2), "rotation": given("decode.rotation", (2, size, size)),
        "velocity": given("decode.velocity", (2, size, size), -9, 9),
        "attribute": given("decode.attribute", (8, size, size)),
    }
    parts = {k: v.double() for k, v in parts.items()}
    peaks = (F.max_pool2d(heat, 3, 1, 1) == heat) & (torch.sigmoid(heat) >= 0.1)
    classes, rows, columns = torch.nonzero(peaks[0], as_tuple=True)
    scores = torch.sigmoid(heat[0][classes, rows, columns])
    order = torch.argsort(-scores, stable=True)
    kept = []
    for k in order.tolist():
        c, i, j = int(classes[k]), int(rows[k]), int(columns[k])
        at = {n: v[:, i, j] for n, v in parts.items()}
        x = low + (i + float(at["offset"][0])) * cell
        y = low + (j + float(at["offset"][1])) * cell
        if any(o[0] == c and (o[2] - x) ** 2 + (o[3] - y) ** 2 <= RADII[c] ** 2 for o in kept):
            continue
        first, last = ATTRIBUTES[c]
        attribute = first + int(at["attribute"][first:last].argmax()) if last > first else -1
        kept.append([c, float(scores[k]), x, y, float(at["height"][0]), *torch.exp(at["size"]).tolist(),
                     math.atan2(float(at["rotation"][0]), float(at["rotation"][1])), *at["velocity"].tolist(), attribute])
    OUT["decode/boxes"] = torch.tensor(kept[:200], dtype=torch.float64)


# Targets -----------------------------------------------------------------------------------------------------------

def gaussian_radius(h, w, overlap=0.1):
    b1, c1 = h + w, w * h * (1 - overlap) / (1 + overlap)
    r1 = (b1 + math.sqrt(b1**2 - 4 * c1)) / 2
    b2, c2 = 2 * (h + w), (1 - overlap) * w * h
    r2 = (b2 + math.sqrt(b2**2 - 16 * c2)) / 2
    a3, b3, c3 = 4 * overlap, -2 * overlap * (h + w), (overlap - 1) * w * h
    r3 = (b3 + math.sqrt(b3**2 - 4 * a3 * c3)) / 2
    return min(r1, r2, r3)


def targets():
    size, cell, low, count = 32, 1.6, -25.6, 24
    u = units("targets", count * 9).reshape(count, 9).astype(np.float64)
    heat = torch.zeros(10, size, size, dtype=torch.float64)
    planes = torch.zeros(18, size, size, dtype=torch.float64)  # offset, z, size, rotation, velocity, then attribute
    mask = torch.zeros(size, size, dtype=torch.float64)
    ii, jj = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for k in range(count):
        c = k % 10
        x, y, z = (u[k, 0] * 2 - 1) * 26, (u[k, 1] * 2 - 1) * 26, u[k, 2] * 2
        w, l, h = 0.5 + 3 * u[k, 3], 0.5 + 12 * u[k, 4], 1 + u[k, 5]
        yaw, vx, vy = (2 * u[k, 6] - 1) * 3, u[k, 7] * 9, u[k, 8] * 9
        i, j = math.floor((x - low) / cell), math.floor((y - low) / cell)
        if not (0 <= i < size and 0 <= j < size):
            continue
        r = max(2, int(gaussian_radius(l / cell, w / cell)))
        sigma = (2 * r + 1) / 6
        bump = torch.exp(-((ii - i) ** 2 + (jj - j) ** 2).double() / (2 * sigma * sigma))
        bump[((ii - i).abs() > r) | ((jj - j).abs() > r)] = 0
        heat[c] = torch.maximum(heat[c], bump)
        if mask[i, j]:
            continue
        mask[i, j] = 1
        values = [(x - low) / cell - i, (y - low) / cell - j, z, math.log(w), math.log(l), math.log(h),
                  math.sin(yaw), math.cos(yaw), vx, vy]
        planes[:10, i, j] = torch.tensor(values, dtype=torch.float64)
        first, last = ATTRIBUTES[c]
        if last > first:
            planes[10 + first, i, j] = 1
    OUT["targets/heatmap"], OUT["targets/planes"], OUT["targets/mask"] = heat.float(), planes.float(), mask.float()


def inside(ring, px, py):
    """Even-odd rule by crossings of the ray towards +x."""
    result = np.zeros(px.shape, bool)
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, 0)):
        crosses = (ay > py) != (by > py)
        with np.errstate(divide="ignore", invalid="ignore"):
            result ^= crosses & (px < (bx - ax) * (py - ay) / (by - ay) + ax)
    return result


def map_targets():
    size, cell, low = 64, 0.8, -25.6
    center = low + (np.arange(size) + 0.5) * cell
    px, py = np.meshgrid(center, center, indexing="ij")
    layers = np.zeros((5, size, size), np.uint8)
    u = units("map", 120).astype(np.float64)
    outline = np.stack([u[0:9] * 60 - 30, u[9:18] * 60 - 30], 1)
    hole = np.stack([u[18:22] * 30 - 15, u[22:26] * 30 - 15], 1)
    layers[0] = inside(outline, px, py) ^ inside(hole, px, py)
    layers[4] = inside(np.stack([u[26:29] * 40 - 20, u[29:32] * 40 - 20], 1), px, py)
    line = np.stack([u[40:46] * 60 - 30, u[46:52] * 60 - 30], 1)
    for a, b in zip(line, line[1:]):
        t = np.clip(((px - a[0]) * (b[0] - a[0]) + (py - a[1]) * (b[1] - a[1])) / ((b - a) ** 2).sum(), 0, 1)
        near = np.hypot(px - a[0] - t * (b[0] - a[0]), py - a[1] - t * (b[1] - a[1])) <= 0.5
        layers[1] |= near.astype(np.uint8)
    OUT["map/layers"] = torch.from_numpy(layers)


with torch.no_grad():
    network("pyramid")
    network("unet")
    volume()
    decoder()
    targets()
    map_targets()
path = pathlib.Path(__file__).resolve().parents[2] / "Tests/PerceptionTests/Fixtures/network.npz"
np.savez_compressed(path, **{k.replace("/", "__"): v.numpy() for k, v in OUT.items()})
print(path, path.stat().st_size, "bytes;", len(OUT["decode/boxes"]), "boxes")
