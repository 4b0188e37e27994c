#!/usr/bin/env python3
"""Writes Tests/TrajectoryRefinerTests/Fixtures/refiner.npz: a small refiner with random weights, mirrored in PyTorch.

    pip install torch numpy && python3 tools/goldens/refiner.py

Seed 7. Conditions, proposals, one denoising step, two DDIM steps from keyed noise, the schedule, a round of k-means and
training targets; every weight is random, those that start at zero too. Masked rows hold numbers that must not count.
"""
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(7)
rng = np.random.default_rng(7)
B, K, W, BLOCKS, HEADS, EXPANSION = 3, 5, 16, 2, 2, 2
STEPS, NEIGHBOURS, LANES, ROADS, POINTS, CHANNELS = 5, 3, 3, 1, 4, 6
PATHS = [2, 6, 12]
POLYLINES = LANES + ROADS + 1
TOKENS = 1 + NEIGHBOURS + POLYLINES + 1
weights, arrays = {}, {}


def weight(name, *shape, scale=None, offset=0.0):
    deviation = scale or 1 / math.sqrt(shape[-1])
    weights[name] = torch.randn(*shape) * deviation + offset
    return weights[name]


def layer(name, inputs, outputs):
    weight(name + ".weight", outputs, inputs)
    weight(name + ".bias", outputs, scale=0.2)


def linear(name, x):
    return F.linear(x, weights["trajectory." + name + ".weight"], weights["trajectory." + name + ".bias"])


def norm(name, x):
    return F.layer_norm(
        x, x.shape[-1:], weights["trajectory." + name + ".weight"], weights["trajectory." + name + ".bias"])


def attention(name, x, context, mask=None):
    def heads(y):
        return y.reshape(y.shape[0], y.shape[1], HEADS, -1).transpose(1, 2)

    q, k, v = (heads(linear(f"{name}.{part}", y)) for part, y in
               (("query", x), ("key", context), ("value", context)))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None, :])
    return linear(f"{name}.output", y.transpose(1, 2).reshape(x.shape))


def make_weights():
    t = "trajectory."
    anchors = torch.cumsum(torch.randn(3, K, 12, 2) * torch.tensor([1.0, 0.4]) + torch.tensor([2.0, 0]), 2)
    weights[t + "anchors"] = anchors.reshape(3, K, 24)
    weights[t + "scale"] = torch.clamp(anchors.square().mean(1).sqrt(), min=0.5).reshape(3, 24)
    e, p, d = t + "encoder.", t + "proposal.", t + "denoiser."
    for name, inputs in (("agent", STEPS * 7 + 14), ("neighbour", 3 * STEPS + 15)):
        layer(e + name + ".first", inputs, W)
        layer(e + name + ".second", W, W)
    weight(e + "kind.weight", 3, W)
    layer(e + "point.first", 7, W // 2)
    layer(e + "point.second", W // 2, W // 2)
    layer(e + "polyline", W // 2, W)
    weight(e + "polyline_type.weight", 12, W)
    layer(e + "bev", CHANNELS, W)
    normed = [e + "norm", e + "blocks.0.norm1", e + "blocks.0.norm2", p + "norm"]
    for name in normed:
        weight(name + ".weight", W, scale=0.2, offset=1.0)
        weight(name + ".bias", W, scale=0.2)
    attentions = [e + "blocks.0.attention"]
    for k in range(BLOCKS):
        attentions += [f"{d}blocks.{k}.attention", f"{d}blocks.{k}.cross"]
    for name in attentions:
        for part in ("query", "key", "value", "output"):
            layer(f"{name}.{part}", W, W)
    for name in [e + "blocks.0.mlp"] + [f"{d}blocks.{k}.mlp" for k in range(BLOCKS)]:
        layer(name + ".first", W, EXPANSION * W)
        layer(name + ".second", EXPANSION * W, W)
    layer(p + "anchor.first", 24, W)
    layer(p + "anchor.second", W, W)
    layer(p + "agent", W, W)
    layer(p + "paths", len(PATHS) * (CHANNELS + 1), W)
    layer(p + "first", W, W)
    layer(p + "second", W, 25)
    layer(d + "noisy", 24, W)
    layer(d + "time.first", W, W)
    layer(d + "time.second", W, W)
    weight(d + "kind.weight", 3, W)
    layer(d + "agent", W, W)
    for k in range(BLOCKS):
        layer(f"{d}blocks.{k}.modulation", W, 6 * W)
    layer(d + "head.modulation", W, 2 * W)
    layer(d + "head.linear", W, 25)


def make_inputs():
    x = {
        "kind": torch.tensor([0, 1, 2]),
        "history": torch.randn(B, STEPS, 7),
        "attributes": torch.randn(B, 14),
        "neighbours": torch.randn(B, NEIGHBOURS, 3 * STEPS + 15),
        "neighbours.mask": torch.tensor([[1, 1, 0], [0, 0, 0], [1, 0, 0]]).bool(),
        "polylines": torch.randn(B, POLYLINES, POINTS, 7),
        "polylines.types": torch.tensor(rng.integers(0, 12, (B, POLYLINES))),
        "polylines.mask": torch.tensor([[1, 1, 1, 1, 0], [0, 0, 0, 0, 0], [1, 0, 0, 1, 1]]).bool(),
        "bev.agent": torch.randn(B, CHANNELS),
        "bev.mask": torch.tensor([[1], [0], [1]]).bool(),
        "bev.paths": torch.randn(B, K, len(PATHS), CHANNELS),
        "bev.paths_mask": torch.tensor(rng.integers(0, 2, (B, K, len(PATHS)))).float(),
    }
    x["history"][..., 6] = torch.tensor([[0, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]]).float()
    x["history"] *= x["history"][..., 6:]  # where a sample is missing, zeros: the builder's promise
    x["polylines"][..., 6] = torch.tensor(rng.integers(0, 2, (B, POLYLINES, POINTS))).float()
    x["polylines"][:, :, :2, 6] = 1
    return x


def encode(x):
    known = torch.cat([x["history"].flatten(1), x["attributes"]], 1)
    agent = linear("encoder.agent.second", F.gelu(linear("encoder.agent.first", known)))
    agent = agent + weights["trajectory.encoder.kind.weight"][x["kind"]]
    others = linear("encoder.neighbour.second", F.gelu(linear("encoder.neighbour.first", x["neighbours"])))
    valid = x["polylines"][..., 6:] > 0
    y = F.relu(linear("encoder.point.first", x["polylines"]))
    y = F.relu(linear("encoder.point.second", y)).masked_fill(~valid, -math.inf).amax(2)
    y = torch.where(valid.any(2), y, torch.zeros(()))
    lines = linear("encoder.polyline", y) + weights["trajectory.encoder.polyline_type.weight"][x["polylines.types"]]
    place = linear("encoder.bev", x["bev.agent"])
    tokens = torch.cat([agent[:, None], others, lines, place[:, None]], 1)
    mask = torch.cat([torch.ones(B, 1).bool(), x["neighbours.mask"], x["polylines.mask"], x["bev.mask"]], 1)
    n = norm("encoder.blocks.0.norm1", tokens)
    tokens = tokens + attention("encoder.blocks.0.attention", n, n, mask)
    n = norm("encoder.blocks.0.norm2", tokens)
    tokens = tokens + linear("encoder.blocks.0.mlp.second", F.gelu(linear("encoder.blocks.0.mlp.first", n)))
    tokens = norm("encoder.norm", tokens)

    anchors = weights["trajectory.anchors"][x["kind"]] / weights["trajectory.scale"][x["kind"]][:, None]
    modes = linear("proposal.anchor.second", F.gelu(linear("proposal.anchor.first", anchors)))
    modes = modes + linear("proposal.agent", tokens[:, :1])
    valid = x["bev.paths_mask"][..., None]
    modes = modes + linear("proposal.paths", torch.cat([x["bev.paths"] * valid, valid], 3).flatten(2))
    hidden = F.gelu(linear("proposal.first", F.gelu(norm("proposal.norm", modes))))
    last = linear("proposal.second", hidden)
    return tokens, mask, modes, anchors + last[..., :24], last[..., 24]


def plain(x, shift, scale):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def denoise(noisy, time, kind, encoding):
    tokens, mask, modes, proposals, logits = encoding
    frequencies = 10000 ** (-torch.arange(W // 2) / (W // 2))
    angles = time[:, None] * frequencies
    waves = torch.cat([angles.cos(), angles.sin()], 1)
    c = linear("denoiser.time.second", F.silu(linear("denoiser.time.first", waves)))
    c = c + weights["trajectory.denoiser.kind.weight"][kind] + linear("denoiser.agent", tokens[:, 0])
    x = linear("denoiser.noisy", noisy) + modes
    for k in range(BLOCKS):
        b = f"denoiser.blocks.{k}"
        m = linear(b + ".modulation", F.silu(c))[:, None].chunk(6, 2)
        n = plain(x, m[0], m[1])
        x = x + m[2] * attention(b + ".attention", n, n)
        x = x + attention(b + ".cross", F.layer_norm(x, (W,), eps=1e-6), tokens, mask)
        n = plain(x, m[3], m[4])
        x = x + m[5] * linear(b + ".mlp.second", F.gelu(linear(b + ".mlp.first", n), approximate="tanh"))
    m = linear("denoiser.head.modulation", F.silu(c))[:, None].chunk(2, 2)
    last = linear("denoiser.head.linear", plain(x, m[0], m[1]))
    return proposals + last[..., :24], logits + last[..., 24]


def mix(z):
    z &= (1 << 64) - 1
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % (1 << 64)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % (1 << 64)
    return z ^ (z >> 31)


def fnv(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) % (1 << 64)
    return h


def keyed_normal(seed, scene, agent, timestamp, count):
    key = mix(seed + 0x9E3779B97F4A7C15)
    for part in (fnv(scene), fnv(agent), timestamp):
        key = mix(key ^ part)
    out = []
    for k in range(count):
        first = mix(key + k * 0x9E3779B97F4A7C15)
        second = mix(first ^ 0xD1B54A32D192ED03)
        u, v = ((first >> 11) + 1) / 2**53, (second >> 11) / 2**53
        out.append(math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v))
    return out


make_weights()
x = make_inputs()
encoding = encode(x)
for name, value in zip(("tokens", "tokens.mask", "modes", "proposals", "proposal_logits"), encoding):
    arrays["out." + name] = value
noisy, time = torch.randn(B, K, 24), torch.tensor([49.0, 24.0, 3.0])
arrays["step.noisy"], arrays["step.time"] = noisy, time
arrays["out.clean"], arrays["out.logits"] = denoise(noisy, time, x["kind"], encoding)

# The schedule and its way back, in double precision.
betas = torch.linspace(0.0001**0.5, 0.02**0.5, 1000, dtype=torch.float64) ** 2
signal = torch.cumprod(1 - betas, 0)[:50]
arrays["schedule.signal"] = signal
noise = torch.tensor(
    [keyed_normal(11, "scene-0061", f"agent {b}", 1_532_402_927_647_951, K * 24) for b in range(B)],
    dtype=torch.float64).reshape(B, K, 24)
arrays["schedule.noise"] = noise
state = signal[49].sqrt() * encoding[3] + (1 - signal[49]).sqrt() * noise
arrays["schedule.noised"] = state
for level, following in ((49, 24), (24, None)):
    clean, logits = denoise(state.float(), torch.full((B,), float(level)), x["kind"], encoding)
    if following is None:
        state = clean
    else:
        epsilon = (state - signal[level].sqrt() * clean) / (1 - signal[level]).sqrt()
        state = signal[following].sqrt() * clean + (1 - signal[following]).sqrt() * epsilon
arrays["sampled.clean"], arrays["sampled.logits"] = state, logits

# A round of k-means, and the targets of training.
points, centers = torch.randn(60, 24, dtype=torch.float64), torch.randn(7, 24, dtype=torch.float64)
nearest = torch.cdist(points, centers, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
arrays["kmeans.points"], arrays["kmeans.centers"], arrays["kmeans.nearest"] = points, centers, nearest
arrays["kmeans.moved"] = torch.stack(
    [points[nearest == c].mean(0) if (nearest == c).any() else centers[c] for c in range(7)])
futures = torch.cumsum(torch.randn(9, 12, 2, dtype=torch.float64) + torch.tensor([2.0, 0]), 1)
kinds = torch.arange(9) % 3
all_anchors = weights["trajectory.anchors"].double().reshape(3, K, 12, 2)[kinds]
arrays["targets.futures"], arrays["targets.kinds"] = futures, kinds
arrays["targets.modes"] = (futures[:, None] - all_anchors).norm(dim=3).mean(2).argmin(1)
arrays["targets.trajectories"] = futures.reshape(9, 24) / weights["trajectory.scale"].double()[kinds]

arrays |= {"in." + name: value for name, value in x.items()}
arrays |= {"weight." + name: value for name, value in weights.items()}
target = pathlib.Path(__file__).parents[2] / "Tests/TrajectoryRefinerTests/Fixtures"
target.mkdir(exist_ok=True)
np.savez_compressed(target / "refiner.npz", **{name: value.detach().numpy() for name, value in arrays.items()})
print(len(weights), "weights,", (target / "refiner.npz").stat().st_size, "bytes")
