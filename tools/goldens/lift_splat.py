#!/usr/bin/env python3
"""Writes Tests/LiftSplatTests/Fixtures/lift_splat.npz: pooling, pillars and warp with their gradients, by PyTorch's autograd.

    pip install numpy torch && python3 tools/goldens/lift_splat.py

Seed 5. The geometry is in double precision, sums too; what is written is rounded to float32.
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(5)
arrays = {}


def emit(name, tensor):
    a = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)
    arrays[name] = a.astype(np.int64 if a.dtype.kind == "i" else np.float32)


def given(name, shape, low=-1.0, high=1.0):
    """A random input, rounded to float32 first so that both sides start from the same numbers."""
    a = rng.uniform(low, high, shape).astype(np.float32)
    arrays[name] = a
    return torch.from_numpy(a).double().requires_grad_()


def rotation(quaternion):
    w, x, y, z = quaternion
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])


# Pooling: 3 cameras of 16 x 24 features' pixels, stride 8, 7 uniform bins from 1 to 15 m, 12 x 10 cells of 2 m.
cameras, channels, depths, rows, columns, stride = 3, 5, 7, 3, 4, 8
low, size, count = np.array([-12.0, -10.0]), 2.0, (12, 10)
depth, context = given("depth", (cameras, depths, rows, columns), 0, 1), given("context", (cameras, channels, rows, columns))
points = np.zeros((cameras, depths, rows, columns, 3))
models = []
for c in range(cameras):
    fx, fy, cx, cy = 20 + c, 21 - c, 15.5 + 0.3 * c, 11.5 - 0.2 * c
    q = np.array([0.5, -0.5, 0.5, -0.5]) + rng.normal(0, 0.08, 4)
    q /= np.linalg.norm(q)
    turn = 2 * np.pi * c / cameras
    h = np.array([np.cos(turn / 2), 0, 0, np.sin(turn / 2)])
    q = np.array([h[0] * q[0] - h[3] * q[3], h[0] * q[1] - h[3] * q[2], h[0] * q[2] + h[3] * q[1], h[0] * q[3] + h[3] * q[0]])
    t = rng.uniform([-1, -1, 1.2], [1, 1, 1.8])
    models.append([fx, fy, cx, cy, *q, *t])
    inverse = np.linalg.inv(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]))
    for d in range(depths):
        z = 1 + 14 * (d + 0.5) / depths
        for v in range(rows):
            for u in range(columns):
                pixel = np.array([(u + 0.5) * stride - 0.5, (v + 0.5) * stride - 0.5, 1])
                points[c, d, v, u] = rotation(q) @ (inverse @ pixel * z) + t
arrays["cameras"] = np.array(models, np.float64)
points = points.reshape(-1, 3)
features = (depth.unsqueeze(1) * context.unsqueeze(2)).permute(0, 2, 3, 4, 1).reshape(-1, channels)
gradient = given("gradient", (1, channels, *count))


def pool(suffix, corners):
    """corners: (cell offsets, weights) of each point."""
    cells = torch.zeros(count[0] * count[1], channels, dtype=torch.double)
    height = (points[:, 2] >= -2) & (points[:, 2] <= 4)
    for (i, j), weight in corners:
        kept = height & (i >= 0) & (j >= 0) & (i < count[0]) & (j < count[1])
        index = torch.from_numpy((i * count[1] + j)[kept])
        cells = cells.index_add(0, index, features[kept] * torch.from_numpy(weight[kept]).unsqueeze(1))
    bev = cells.view(*count, channels).permute(2, 0, 1).unsqueeze(0)
    emit(f"bev{suffix}", bev)
    for name, g in zip(["depth", "context"], torch.autograd.grad(bev, [depth, context], gradient.detach(), retain_graph=True)):
        emit(f"{name}_gradient{suffix}", g)


place = (points[:, :2] - low) / size
whole = np.floor(place).astype(np.int64)
pool("", [((whole[:, 0], whole[:, 1]), np.ones(len(points)))])
center = np.floor(place - 0.5).astype(np.int64)
part = place - 0.5 - center
pool("_bilinear", [
    ((center[:, 0] + a, center[:, 1] + b),
     (part[:, 0] if a else 1 - part[:, 0]) * (part[:, 1] if b else 1 - part[:, 1]))
    for a in (0, 1) for b in (0, 1)
])

def pillars(prefix, features, shared):
    """40 points in 9 pillars of a 7 x 8 grid, 19 outputs; two places of pillars are not used."""
    x = given(f"{prefix}_points", (48, features))
    common = given(f"{prefix}_shared", (11, shared)) if shared else torch.zeros(11, 0, dtype=torch.double)
    weight, bias = given(f"{prefix}_weight", (19, features + shared)), given(f"{prefix}_bias", (19,), -0.5, 0.5)
    starts = np.concatenate(([0], np.sort(rng.choice(np.arange(1, 40), 8, replace=False)), [40, 40, 40]))
    places = np.concatenate((rng.choice(56, 9, replace=False), [-1, -1])).astype(np.int64)
    emit(f"{prefix}_starts", starts)
    emit(f"{prefix}_cells", places)
    canvas = torch.zeros(19, 56, dtype=torch.double)
    encoded = torch.stack([
        F.relu(F.linear(torch.cat((x[a:b], common[v].expand(b - a, -1)), 1), weight, bias)).amax(0)
        for v, (a, b) in enumerate(zip(starts[:9], starts[1:10]))
    ], 1)
    canvas = canvas.index_copy(1, torch.from_numpy(places[:9]), encoded).view(1, 19, 7, 8)
    emit(f"{prefix}_bev", canvas)
    g = given(f"{prefix}_gradient", (1, 19, 7, 8))
    for name, result in zip(["weight", "bias"], torch.autograd.grad(canvas, [weight, bias], g.detach())):
        emit(f"{prefix}_{name}_gradient", result)


# Pillars of 6 features a point.
pillars("pillar", 6, 0)

# Warp: 3 channels of 9 x 11 cells, turned and moved; grid_sample in double precision.
x = given("warp_x", (1, 3, 9, 11))
motion = np.array([[0.96, -0.27, 1.3], [0.28, 0.95, -2.2]], np.float32)
arrays["warp_motion"] = motion
i, j = np.meshgrid(np.arange(9), np.arange(11), indexing="ij")
u, v = (motion.astype(np.float64) @ np.stack([i.ravel(), j.ravel(), np.ones(99)])).reshape(2, 9, 11)
grid = torch.from_numpy(np.stack([(2 * v + 1) / 11 - 1, (2 * u + 1) / 9 - 1], -1)).unsqueeze(0)
warped = F.grid_sample(x, grid, "bilinear", "zeros", align_corners=False)
emit("warp", warped)
g = given("warp_gradient", (1, 3, 9, 11))
emit("warp_x_gradient", torch.autograd.grad(warped, x, g.detach())[0])

# Pillars of 5 features a point and 4 that their points share.
pillars("shared_pillar", 5, 4)

target = pathlib.Path(__file__).parents[2] / "Tests/LiftSplatTests/Fixtures/lift_splat.npz"
target.parent.mkdir(exist_ok=True)
np.savez_compressed(target, **arrays)
print(target, {k: v.shape for k, v in arrays.items()})
