#!/usr/bin/env python3
"""Writes Tests/NeuralEngineTests/Fixtures/{kernels,layers,blocks}.safetensors: inputs, weights and PyTorch's outputs.

    pip install torch torchvision numpy && python3 tools/goldens/neural_engine.py

Seed 2026. Inputs and weights are float32; PyTorch computes in float64 and its results are rounded once to float32, so
that a difference from them is the engine's own rounding. Made with torch 2.15 and torchvision 0.29 on a CPU.

Tensors are named `<case>/x<i>` (inputs), `<case>/y<i>` (outputs) and `<case>/w/<name>` (weights by their names in the
graph, where the case builds layers).
"""
import json
import math
import pathlib
import struct

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

torch.manual_seed(2026)
torch.set_default_dtype(torch.float64)
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "NeuralEngineTests" / "Fixtures"
tensors = {}


def rand(*shape, low=-1.0, high=1.0):
    """Uniform float32 numbers, as float64."""
    return (torch.rand(shape) * (high - low) + low).float().double()


def case(name, inputs, outputs, weights=None):
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    for kind, values in (("x", inputs), ("y", outputs)):
        for i, value in enumerate(values):
            assert f"{name}/{kind}{i}" not in tensors, name
            tensors[f"{name}/{kind}{i}"] = value.detach()
    for key, value in (weights or {}).items():
        tensors[f"{name}/w/{key}"] = value.detach()


def write(path):
    """The safetensors format: header length, JSON header, data without holes."""
    codes = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}
    header, data = {}, b""
    order = lambda item: (-item[1].element_size(), item[0])
    items = {k: (v.float() if v.dtype == torch.float64 else v).contiguous() for k, v in tensors.items()}
    for name, value in sorted(items.items(), key=order):
        raw = value.numpy().tobytes()
        header[name] = {"dtype": codes[value.dtype], "shape": list(value.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    print(path.name, len(tensors), "tensors,", path.stat().st_size, "bytes")
    tensors.clear()


def padded(x, before, after, mode, value=0.0):
    """x with its spatial axes padded; numpy's names for the modes."""
    pads = [(0, 0), (0, 0)] + list(zip(before, after))
    options = {"constant_values": value} if mode == "constant" else {}
    return torch.from_numpy(np.pad(x.numpy(), pads, mode=mode, **options))


# ---------------------------------------------------------------- convolutions
x1, x2, x3 = rand(2, 6, 17), rand(2, 6, 7, 8), rand(1, 4, 5, 6, 7)
w, b = rand(4, 6, 5), rand(4)
case("convolution 1d", [x1, w, b], F.conv1d(x1, w, b, stride=2, padding=2))
w, b = rand(4, 6, 3, 3), rand(4)
case("convolution 2d", [x2, w, b], F.conv2d(x2, w, b, padding=1))
case("convolution stride", [x2, w], F.conv2d(x2, w, stride=(2, 3)))
case("convolution dilation", [x2, w], F.conv2d(x2, w, dilation=(2, 3), padding=(2, 1)))
case("convolution uneven", [x2, w, b], F.conv2d(padded(x2, (0, 2), (1, 0), "constant"), w, b, stride=2))
w = rand(6, 3, 3, 2)
case("convolution groups", [x2, w], F.conv2d(x2, w, groups=2, padding=(1, 0)))
w = rand(6, 1, 3, 3)
case("convolution depthwise", [x2, w], F.conv2d(x2, w, groups=6, padding=1, stride=2))
w, b = rand(8, 6, 1, 1), rand(8)
case("convolution pointwise", [x2, w, b], F.conv2d(x2, w, b))
w, b = rand(4, 2, 3, 2, 3), rand(4)
case("convolution 3d", [x3, w, b], F.conv3d(x3, w, b, stride=(1, 2, 2), padding=(1, 0, 2), dilation=(1, 2, 1), groups=2))
w, b = rand(6, 4, 3), rand(4)
case("transposed 1d", [x1, w, b], F.conv_transpose1d(x1, w, b, stride=2, padding=1))
w, b = rand(6, 2, 4, 3), rand(4)
case("transposed 2d", [x2, w, b], F.conv_transpose2d(
    x2, w, b, stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2))
w = rand(6, 4, 3, 3)
case("transposed dilation", [x2, w], F.conv_transpose2d(x2, w, stride=2, padding=2, dilation=2))
w = rand(4, 3, 2, 3, 2)
case("transposed 3d", [x3, w], F.conv_transpose3d(x3, w, stride=(2, 1, 2), padding=(0, 1, 0)))
w, b = rand(4, 3, 3, 3), rand(4)
offset, mask = rand(2, 2 * 2 * 9, 5, 6, low=-2.5, high=2.5), rand(2, 2 * 9, 5, 6, low=0)
x = rand(2, 6, 9, 11)
deform = torchvision.ops.deform_conv2d
case("deformable v1", [x, w, offset], deform(x, offset, w, stride=2, padding=1))
case("deformable v2", [x, w, offset, b, mask], deform(x, offset, w, b, stride=2, padding=1, mask=mask))

# ---------------------------------------------------------------- poolings
case("maximum", [x2], F.max_pool2d(x2, 3, 2, 1))
case("maximum dilated", [x2], F.max_pool2d(x2, (2, 3), (1, 2), (1, 0), dilation=(3, 2)))
case("maximum ceiling", [x2], F.max_pool2d(x2, 2, 2, ceil_mode=True))
y, places = F.max_pool2d(x2, 3, 2, 1, return_indices=True)
planes = torch.arange(12).reshape(2, 6, 1, 1) * (7 * 8)  # ours count over the whole tensor
case("maximum indices", [x2], [y, places + planes])
case("maximum 3d", [x3], F.max_pool3d(x3, (2, 3, 3), (1, 2, 2)))
case("average", [x2], F.avg_pool2d(x2, 3, 2, 1, count_include_pad=False))
case("average counted", [x2], F.avg_pool2d(x2, 3, 2, 1, count_include_pad=True))
case("average ceiling", [x2], F.avg_pool2d(x2, 3, 2, 1, ceil_mode=True, count_include_pad=True))
case("average 3d", [x3], F.avg_pool3d(x3, 2, 1))
# The norm's p is odd: PyTorch's lp_pool takes x^p, ours |x|^p.
case("norm pooling", [x2], F.lp_pool2d(x2.abs(), 3, (2, 3), stride=2))
case("adaptive average", [x2], F.adaptive_avg_pool2d(x2, (4, 7)))
case("adaptive maximum", [x2], F.adaptive_max_pool2d(x2, (4, 13)))
case("adaptive average 3d", [x3], F.adaptive_avg_pool3d(x3, (2, 4, 9)))

# ---------------------------------------------------------------- normalisations
scale, shift, mean, variance = rand(6), rand(6), rand(6), rand(6, low=0.2)
case("batch", [x2, scale, shift, mean, variance], F.batch_norm(x2, mean, variance, scale, shift, False, 0.1, 1e-4))
m, v = mean.clone(), variance.clone()
y = F.batch_norm(x2, m, v, scale, shift, True, 0.2, 1e-4)
n = x2.numel() // 6
# PyTorch keeps the unbiased variance in its running one; the operator (as ONNX) the biased one.
v = variance * 0.8 + (v - variance * 0.8) * (n - 1) / n
case("batch training", [x2, scale, shift, mean, variance], [y, m, v])
s, t = rand(8), rand(8)
case("layer", [x2, s, t], F.layer_norm(x2, (8,), s, t, 1e-5))
s, t = rand(7, 8), rand(7, 8)
case("layer of two axes", [x2, s, t], F.layer_norm(x2, (7, 8), s, t, 1e-5))
case("group", [x2, scale, shift], F.group_norm(x2, 3, scale, shift, 1e-5))
case("instance", [x2, scale, shift], F.instance_norm(x2, weight=scale, bias=shift, eps=1e-5))
s = rand(8)
case("rms", [x2, s], F.rms_norm(x2, (8,), s, 1e-6))
case("softmax", [x2], F.softmax(x2, 1))
case("log softmax", [x2], F.log_softmax(x2, 3))

# ---------------------------------------------------------------- products and attention
a, c = rand(2, 3, 4, 5), rand(3, 5, 6)
case("matrix product", [a, c], a @ c)
a, c, d = rand(4, 7), rand(4, 5), rand(5)
case("matrix product transposed", [a, c, d], 0.5 * a.T @ c + 2 * d)
a, c = rand(2, 3, 4), rand(5, 4, 2)
case("einsum", [a, c], torch.einsum("bij,kjb->bki", a, c))
q, k, v = rand(2, 4, 5, 8), rand(2, 4, 7, 8), rand(2, 4, 7, 6)
attend = F.scaled_dot_product_attention
case("attention", [q, k, v], attend(q, k, v))
mask = torch.rand(2, 1, 5, 7) > 0.4
mask[..., 0] = True
case("attention masked", [q, k, v, mask], attend(q, k, v, attn_mask=mask))
bias = rand(4, 5, 7)
case("attention biased", [q, k, v, bias], attend(q, k, v, attn_mask=bias, scale=0.3))
k, v = rand(2, 4, 5, 8), rand(2, 4, 5, 8)
case("attention causal", [q, k, v], attend(q, k, v, is_causal=True))
k, v = rand(2, 2, 5, 8), rand(2, 2, 5, 8)
case("attention grouped", [q, k, v], attend(q, k, v, enable_gqa=True))

# ---------------------------------------------------------------- activations
x = torch.cat([rand(40, low=-6, high=6), torch.tensor([0.0, -1.0, 1.0, 3.0, -3.0, 30.0, -30.0])])
for name, f in {
    "relu": F.relu, "leaky relu": lambda x: F.leaky_relu(x, 0.1), "elu": lambda x: F.elu(x, 0.7),
    "sigmoid": torch.sigmoid, "hard sigmoid": F.hardsigmoid, "hard swish": F.hardswish, "silu": F.silu,
    "gelu": F.gelu, "gelu tanh": lambda x: F.gelu(x, approximate="tanh"), "mish": F.mish,
    "softplus": F.softplus, "tanh": torch.tanh, "erf": torch.erf, "clip": lambda x: x.clamp(0, 6),
}.items():
    case(name, [x], f(x))
slope = rand(6, 1, 1)
case("prelu", [x2, slope], F.prelu(x2, slope.flatten()))

# ---------------------------------------------------------------- resampling
x = rand(1, 2, 5, 7)
for name, size, options in [
    ("nearest", (8, 10), {"mode": "nearest"}), ("nearest exact", (8, 10), {"mode": "nearest-exact"}),
    ("nearest down", (3, 4), {"mode": "nearest"}),
    ("bilinear", (8, 10), {"mode": "bilinear", "align_corners": False}),
    ("bilinear corners", (8, 10), {"mode": "bilinear", "align_corners": True}),
    ("bilinear down", (3, 4), {"mode": "bilinear", "align_corners": False}),
    ("bilinear antialias", (3, 4), {"mode": "bilinear", "align_corners": False, "antialias": True}),
    ("bicubic", (8, 10), {"mode": "bicubic", "align_corners": False}),
    ("bicubic corners", (8, 10), {"mode": "bicubic", "align_corners": True}),
    ("bicubic antialias", (3, 4), {"mode": "bicubic", "align_corners": False, "antialias": True}),
]:
    case(f"resize {name}", [x], F.interpolate(x, size=size, **options))
x = rand(1, 2, 3, 4, 5)
case("resize trilinear", [x], F.interpolate(x, size=(5, 6, 4), mode="trilinear", align_corners=False))
for corners in (False, True):
    tail = " corners" if corners else ""
    theta = rand(2, 2, 3)
    case(f"affine grid{tail}", [theta], F.affine_grid(theta, (2, 1, 4, 5), corners))
    theta = rand(1, 3, 4)
    case(f"affine grid 3d{tail}", [theta], F.affine_grid(theta, (1, 1, 3, 4, 5), corners))
    for mode in ("bilinear", "nearest", "bicubic"):
        for border in ("zeros", "border", "reflection"):
            x, grid = rand(2, 2, 5, 6), rand(2, 4, 3, 2, low=-1.6, high=1.6)
            # Outside the picture ONNX (as ours) moves the point to the edge element, PyTorch each of the cubic's taps by
            # itself: with points moved beforehand both agree.
            edge = torch.ones(2) if corners else 1 - 1 / torch.tensor([6.0, 5.0])
            moved = torch.where(grid.abs() > 1, grid.sign() * edge, grid)
            at = moved if (mode, border) == ("bicubic", "border") else grid
            case(f"grid sample {mode} {border}{tail}", [x, grid], F.grid_sample(x, at, mode, border, corners))
    for mode in ("bilinear", "nearest"):
        x, grid = rand(1, 2, 3, 4, 5), rand(1, 2, 3, 4, 3, low=-1.6, high=1.6)
        case(f"grid sample 3d {mode}{tail}", [x, grid], F.grid_sample(x, grid, mode, "zeros", corners))

# ---------------------------------------------------------------- data
x = rand(4, 5, 6)
i = torch.randint(0, 5, (3, 2))
case("gather", [x, i], x[:, i])
i = torch.randint(0, 5, (4, 3, 6))
case("gather elements", [x, i], torch.gather(x, 1, i))
i = torch.stack([torch.randint(0, 4, (7,)), torch.randint(0, 5, (7,))], 1)
case("gather nd", [x, i], x[i[:, 0], i[:, 1]])
u = rand(7, 6)
case("scatter nd add", [x, i, u], x.clone().index_put_((i[:, 0], i[:, 1]), u, accumulate=True))
i, u = torch.randint(0, 5, (3, 5, 6)), rand(3, 5, 6)
case("scatter add", [x, i, u], x.scatter_add(1, i, u))
case("scatter maximum", [x, i, u], x.scatter_reduce(1, i, u, "amax"))
i = torch.argsort(torch.rand(3, 5, 6), 1)
case("scatter replace", [x, i, u], x.scatter(1, i, u))
case("cumulative sum", [x], torch.cumsum(x, 1))
case("cumulative sum reverse", [x], torch.flip(torch.cumsum(torch.flip(x, [2]), 2), [2]))
y, places = torch.topk(x, 3, dim=1)
case("top k", [x], [y, places])
case("argument of maximum", [x], torch.argmax(x, 2, keepdim=True))
case("reduce mean", [x], x.mean((0, 2), keepdim=True))
case("reduce log sum exp", [x], torch.logsumexp(x, 1))
case("expand", [x[:, :1]], x[:, :1].expand(4, 3, 6))
case("tile", [x], x.tile(1, 2, 1))
case("depth to space", [x2[:, :4]], F.pixel_shuffle(x2[:, :4], 2))
case("space to depth", [x2[:, :, :6]], F.pixel_unshuffle(x2[:, :, :6], 2))
write(FOLDER / "kernels.safetensors")

# ---------------------------------------------------------------- layers
x = rand(2, 4, 7, 9)
w, b = rand(3, 4, 3, 3), rand(3)
weights = {"c.weight": w, "c.bias": b}
for fill, mode in [("zeros", "constant"), ("reflect", "reflect"), ("symmetric", "symmetric"), ("replicate", "edge"),
                   ("circular", "wrap")]:
    case(f"border {fill}", [x], F.conv2d(padded(x, (1, 1), (1, 1), mode), w, b), weights)
case("border value", [x], F.conv2d(padded(x, (1, 1), (1, 1), "constant", 0.5), w, b), weights)
# Even kernel: same pads one element, after (upper) or before (lower).
w = rand(3, 4, 2, 2)
case("border upper", [x], F.conv2d(padded(x, (0, 0), (1, 1), "reflect"), w, b), {"c.weight": w, "c.bias": b})
case("border lower", [x], F.conv2d(padded(x, (1, 1), (0, 0), "reflect"), w, b), {"c.weight": w, "c.bias": b})

p = torch.tensor([2.5])
case("generalised mean", [x], F.avg_pool2d(x.clamp(min=1e-3) ** p, 3, 2) ** (1 / p), {"p.power": p})
case("generalised mean global", [x], x.clamp(min=1e-3).pow(p).mean((2, 3), keepdim=True) ** (1 / p), {"p.power": p})
a = torch.tensor([0.7])
high, middle = F.max_pool2d(x, 3, 2), F.avg_pool2d(x, 3, 2)
case("mixed", [x], torch.sigmoid(a) * high + (1 - torch.sigmoid(a)) * middle, {"p.mixture": a})
w = rand(4, 1, 3, 3)
a = torch.sigmoid(F.conv2d(x, w, stride=2, groups=4))
case("gated", [x], a * high + (1 - a) * middle, {"p.gate.weight": w})
w = rand(4, 9)
windows = F.unfold(x, 3, stride=2).reshape(2, 4, 9, 12)
case("weighted", [x], (windows * F.softmax(w, 1)[:, :, None]).sum(2).reshape(2, 4, 3, 4), {"p.weight": w})
w, b = rand(4, 4, 1, 1), rand(4)
l = (12 * torch.sigmoid(F.conv2d(x, w, b))).exp()
lw = F.unfold(l, 3, stride=2).reshape(2, 4, 9, 12)
case("importance", [x], ((windows * lw).sum(2) / lw.sum(2)).reshape(2, 4, 3, 4),
     {"p.importance.weight": w, "p.importance.bias": b})
positive = windows.clamp(min=0)
case("stochastic", [x], ((positive ** 2).sum(2) / positive.sum(2).clamp(min=1e-30)).reshape(2, 4, 3, 4))
case("spatial pyramid", [x], torch.cat([F.adaptive_max_pool2d(x, n).flatten(1) for n in (1, 2, 4)], 1))
routing, rb, rows = rand(3, 4), rand(3), []
experts = rand(3, 6, 2, 3, 3)
eb = rand(3, 6)
for sample in x:
    r = torch.sigmoid(F.linear(sample.mean((1, 2)), routing, rb))
    rows.append(F.conv2d(sample[None], torch.einsum("e,eoikl->oikl", r, experts), r @ eb, padding=1, groups=2))
case("conditional convolution", [x], torch.cat(rows), {
    "c.weight": experts, "c.bias": eb, "c.routing.weight": routing, "c.routing.bias": rb})
w, b = rand(3, 4, 3, 3), rand(3)
case("resize convolution", [x], F.conv2d(F.interpolate(x, scale_factor=2), w, b, padding=1),
     {"c.weight": w, "c.bias": b})
i, table = torch.randint(0, 9, (2, 5)), rand(9, 6)
case("embedding", [i], F.embedding(i, table), {"e.weight": table})
t = torch.tensor([0.0, 1.0, 250.5, 999.0])
frequencies = torch.exp(-math.log(10000) * torch.arange(8) / 8).float().double()
angles = t[:, None] * frequencies
case("time encoding", [t], torch.cat([angles.cos(), angles.sin()], -1))
position, channel = torch.arange(7)[:, None], torch.arange(0, 6, 2)
table = torch.zeros(1, 7, 6)
table[0, :, 0::2] = torch.sin(position / 10000 ** (channel / 6))
table[0, :, 1::2] = torch.cos(position / 10000 ** (channel / 6))
case("position encoding", [], table)
both = torch.cat([table[0, :3, None].expand(3, 4, 6), table[0, None, :4].expand(3, 4, 6)], 2).reshape(1, 12, 12)
case("position encoding of a plane", [], both)
write(FOLDER / "layers.safetensors")


# ---------------------------------------------------------------- blocks
def randomize(module):
    """Random parameters and statistics; evaluation mode."""
    with torch.no_grad():
        for name, value in list(module.named_parameters()) + list(module.named_buffers()):
            if value.dtype == torch.float64:
                low = 0.3 if "running_var" in name else -0.5
                value.copy_(rand(*value.shape, low=low, high=0.9 if low > 0 else 0.5))
    return module.eval()


def renamed(module, names):
    """The state under the graph's names: each of the module's prefixes is replaced."""
    result = {}
    for key, value in module.state_dict().items():
        if "num_batches" in key:
            continue
        prefix = max((p for p in names if key.startswith(p + ".") or key == p), key=len)
        result[names[prefix] + key[len(prefix):]] = value
    return result


def conv_bn(ours, conv, norm):
    return {conv: f"b.{ours}.convolution", norm: f"b.{ours}.normalization"}


def residuals():
    from torchvision.models.resnet import BasicBlock, Bottleneck

    def shortcut(inputs, outputs, stride):
        return torch.nn.Sequential(torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                   torch.nn.BatchNorm2d(outputs))
    x = rand(1, 4, 8, 10)
    names = conv_bn("first", "conv1", "bn1") | conv_bn("second", "conv2", "bn2")
    m = randomize(BasicBlock(4, 4))
    case("residual", [x], m(x), renamed(m, names))
    m = randomize(BasicBlock(4, 6, 2, shortcut(4, 6, 2)))
    names |= conv_bn("shortcut", "downsample.0", "downsample.1")
    case("residual stride", [x], m(x), renamed(m, names))
    names = conv_bn("reduce", "conv1", "bn1") | conv_bn("spatial", "conv2", "bn2") | conv_bn("expand", "conv3", "bn3")
    names |= conv_bn("shortcut", "downsample.0", "downsample.1")
    m = randomize(Bottleneck(4, 2, 2, shortcut(4, 8, 2)))
    case("bottleneck", [x], m(x), renamed(m, names))
    m = randomize(Bottleneck(4, 2, 1, shortcut(4, 8, 1), groups=3, base_width=64 * 3))
    assert m.conv2.weight.shape[0] == 18, m.conv2.weight.shape
    case("resnext", [x], m(x), renamed(m, names))


def mobile():
    from torchvision.models import mobilenetv2, mobilenetv3, efficientnet
    from functools import partial
    norm = torch.nn.BatchNorm2d
    x = rand(1, 4, 8, 10)
    m = randomize(mobilenetv2.InvertedResidual(4, 4, 1, 3, norm))
    names = conv_bn("expand", "conv.0.0", "conv.0.1") | conv_bn("depthwise", "conv.1.0", "conv.1.1") | conv_bn(
        "project", "conv.2", "conv.3")
    case("mobile 2", [x], m(x), renamed(m, names))
    names = conv_bn("expand", "block.0.0", "block.0.1") | conv_bn("depthwise", "block.1.0", "block.1.1") | {
        "block.2.fc1": "b.excitation.squeeze", "block.2.fc2": "b.excitation.excite"} | conv_bn(
        "project", "block.3.0", "block.3.1")
    x = rand(1, 8, 8, 10)
    config = efficientnet.MBConvConfig(3, 5, 2, 8, 16, 1, 1.0, 1.0)
    m = randomize(efficientnet.MBConv(config, 0.0, norm))
    case("efficient", [x], m(x), renamed(m, names))
    # MobileNetV3 squeezes a quarter of the expanded channels, in multiples of 8: 32 here, twice x's 16.
    x = rand(1, 16, 6, 6)
    config = mobilenetv3.InvertedResidualConfig(16, 3, 128, 16, True, "HS", 1, 1, 1.0)
    m = randomize(mobilenetv3.InvertedResidual(config, norm))
    assert m.block[2].fc1.weight.shape[0] == 32
    case("mobile 3", [x], m(x), renamed(m, names))
    x = rand(2, 6, 4, 5)
    m = randomize(torchvision.ops.SqueezeExcitation(6, 3))
    case("squeeze", [x], m(x), renamed(m, {"fc1": "b.squeeze", "fc2": "b.excite"}))


def pyramids():
    from torchvision.models.segmentation.deeplabv3 import ASPP
    levels = [rand(1, 3, 12, 10), rand(1, 4, 6, 5), rand(1, 5, 3, 3)]
    m = randomize(torchvision.ops.FeaturePyramidNetwork([3, 4, 5], 6))
    names = {f"inner_blocks.{i}.0": f"b.lateral{i}" for i in range(3)}
    names |= {f"layer_blocks.{i}.0": f"b.output{i}" for i in range(3)}
    y = m(dict(enumerate(levels)))
    case("feature pyramid", levels, [y[i] for i in range(3)], renamed(m, names))
    m = randomize(ASPP(4, [2, 3], 5))
    names = conv_bn("one", "convs.0.0", "convs.0.1") | conv_bn("rate2", "convs.1.0", "convs.1.1") | conv_bn(
        "rate3", "convs.2.0", "convs.2.1") | conv_bn("picture", "convs.3.1", "convs.3.2") | conv_bn(
        "project", "project.0", "project.1")
    x = rand(1, 4, 8, 9)
    case("dilated pyramid", [x], m(x), renamed(m, names))

    def block(i, o):
        return torch.nn.Sequential(torch.nn.Conv2d(i, o, 3, padding=1, bias=False), torch.nn.BatchNorm2d(o),
                                   torch.nn.ReLU(), torch.nn.Conv2d(o, o, 3, padding=1, bias=False),
                                   torch.nn.BatchNorm2d(o), torch.nn.ReLU())
    names = conv_bn("first", "0", "1") | conv_bn("second", "3", "4")
    m = randomize(block(3, 4))
    x = rand(1, 3, 6, 8)
    skip = m(x)
    case("unet down", [x], [skip, F.max_pool2d(skip, 2)], renamed(m, names))
    m = randomize(block(7, 5))
    x, skip = rand(1, 4, 3, 4), rand(1, 3, 7, 8)
    wide = F.interpolate(x, size=(7, 8), mode="bilinear", align_corners=False)
    case("unet up", [x, skip], m(torch.cat([skip, wide], 1)), renamed(m, names))


def inception():
    from torchvision.models.googlenet import BasicConv2d
    x = rand(1, 4, 6, 7)
    parts = torch.nn.ModuleDict({
        "one": BasicConv2d(4, 2, kernel_size=1), "three_reduce": BasicConv2d(4, 3, kernel_size=1),
        "three": BasicConv2d(3, 4, kernel_size=3, padding=1), "five_reduce": BasicConv2d(4, 2, kernel_size=1),
        "five": BasicConv2d(2, 3, kernel_size=5, padding=2), "pool": BasicConv2d(4, 2, kernel_size=1)})
    for part in parts.values():
        part.bn.eps = 1e-5
    m = randomize(parts)
    y = torch.cat([m["one"](x), m["three"](m["three_reduce"](x)), m["five"](m["five_reduce"](x)),
                   m["pool"](F.max_pool2d(x, 3, 1, 1))], 1)
    names = {}
    for part in parts:
        names |= {f"{part}.conv": f"b.{part}.convolution", f"{part}.bn": f"b.{part}.normalization"}
    case("inception", [x], y, renamed(m, names))
    # CBAM from its equations (arXiv 1807.06521).
    x = rand(2, 8, 5, 6)
    w0, w1, w7 = rand(2, 8, 1, 1), rand(8, 2, 1, 1), rand(1, 2, 7, 7)
    mlp = lambda v: F.conv2d(F.relu(F.conv2d(v, w0)), w1)
    y = x * torch.sigmoid(mlp(x.mean((2, 3), keepdim=True)) + mlp(x.amax((2, 3), keepdim=True)))
    pair = torch.cat([y.mean(1, keepdim=True), y.amax(1, keepdim=True)], 1)
    y = y * torch.sigmoid(F.conv2d(pair, w7, padding=3))
    case("convolutional attention", [x], y, {
        "b.channel.squeeze.weight": w0, "b.channel.excite.weight": w1, "b.spatial.convolution.weight": w7})
    w, b = rand(3, 8, 1, 1), rand(3)
    case("global average head", [x], F.conv2d(x, w, b).mean((2, 3)), {"b.weight": w, "b.bias": b})


def split_attention(m, ours, result):
    """nn.MultiheadAttention's joined input weights as three layers."""
    size = m.embed_dim
    for i, part in enumerate(("query", "key", "value")):
        result[f"{ours}.{part}.weight"] = m.in_proj_weight[i * size:(i + 1) * size]
        result[f"{ours}.{part}.bias"] = m.in_proj_bias[i * size:(i + 1) * size]
    result[f"{ours}.output.weight"] = m.out_proj.weight
    result[f"{ours}.output.bias"] = m.out_proj.bias


def linear_names(m, ours, result):
    result[f"{ours}.weight"], result[f"{ours}.bias"] = m.weight, m.bias


def transformers():
    x, context = rand(2, 5, 8), rand(2, 7, 8)
    mask = torch.tensor([[True] * 7, [True, True, False, True, False, False, True]])
    m = randomize(torch.nn.MultiheadAttention(8, 2, batch_first=True))
    weights = {}
    split_attention(m, "b", weights)
    case("self attention", [x], m(x, x, x)[0], weights)
    case("cross attention", [x, context, mask], m(x, context, context, key_padding_mask=~mask)[0], weights)
    m = randomize(torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True))
    weights = {}
    split_attention(m.self_attn, "b.attention", weights)
    for theirs, ours in [(m.norm1, "b.norm1"), (m.norm2, "b.norm2"), (m.linear1, "b.mlp.first"),
                         (m.linear2, "b.mlp.second")]:
        linear_names(theirs, ours, weights)
    case("transformer", [x], m(x), weights)
    m = randomize(torch.nn.TransformerDecoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True))
    weights = {}
    split_attention(m.self_attn, "b.attention", weights)
    split_attention(m.multihead_attn, "b.cross", weights)
    for theirs, ours in [(m.norm1, "b.norm1"), (m.norm2, "b.norm_cross"), (m.norm3, "b.norm2"),
                         (m.linear1, "b.mlp.first"), (m.linear2, "b.mlp.second")]:
        linear_names(theirs, ours, weights)
    causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    y = m(x, context, tgt_mask=causal, memory_key_padding_mask=~mask)
    case("transformer cross", [x, context, mask], y, weights)


def diffusion():
    """The block of arXiv 2212.09748, figure 3, from nn.MultiheadAttention and its equations."""
    x, c, context = rand(2, 6, 8), rand(2, 5), rand(2, 3, 8)
    attention = randomize(torch.nn.MultiheadAttention(8, 2, batch_first=True))
    cross = randomize(torch.nn.MultiheadAttention(8, 2, batch_first=True))
    modulation = randomize(torch.nn.Linear(5, 48))
    first, second = randomize(torch.nn.Linear(8, 16)), randomize(torch.nn.Linear(16, 8))
    norm = lambda v: F.layer_norm(v, (8,), eps=1e-6)
    part = modulation(F.silu(c))[:, None].chunk(6, -1)

    def run(with_context):
        h = norm(x) * (1 + part[1]) + part[0]
        y = x + part[2] * attention(h, h, h)[0]
        if with_context:
            y = y + cross(norm(y), context, context)[0]
        h = norm(y) * (1 + part[4]) + part[3]
        return y + part[5] * second(F.gelu(first(h), approximate="tanh"))
    weights = {}
    split_attention(attention, "b.attention", weights)
    for theirs, ours in [(modulation, "b.modulation"), (first, "b.mlp.first"), (second, "b.mlp.second")]:
        linear_names(theirs, ours, weights)
    case("dit", [x, c], run(False), weights)
    split_attention(cross, "b.cross", weights)
    case("dit cross", [x, c, context], run(True), weights)
    modulation, last = randomize(torch.nn.Linear(5, 16)), randomize(torch.nn.Linear(8, 3))
    shift, scale = modulation(F.silu(c))[:, None].chunk(2, -1)
    weights = {}
    linear_names(modulation, "b.modulation", weights)
    linear_names(last, "b.linear", weights)
    case("dit head", [x, c], last(norm(x) * (1 + scale) + shift), weights)


residuals()
mobile()
pyramids()
inception()
transformers()
diffusion()
write(FOLDER / "blocks.safetensors")
