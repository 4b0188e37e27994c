#!/usr/bin/env python3
"""PyTorch's side of Benchmarks' lift-splat-benchmark: eager mode on the CPU, the same tensors.

Usage: lift_splat_peer.py FOLDER THREADS     (started by the benchmark; tensors are FOLDER/*.npy)
Commands by lines on standard input: `pooling I J BILINEAR`, `pillars I J LOW SIDE`, `warp`, `network DIR` read tensors;
`save KIND` writes result.npy; `run KIND N` prints N times in milliseconds; `parts` prints the network's three parts. Needs
numpy, torch, and for the network onnx.

The pooling is written from the paper (Philion & Fidler, ECCV 2020, sections 3.1 to 3.4): an explicit frustum of features, points
outside the grid dropped, the rest summed by cell with index_add, scatter_add or the cumulative-sum trick.
"""
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

folder, threads = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)


def load(name):
    return torch.from_numpy(np.load(folder / f"{name}.npy"))


def lifted(depth, context):
    """[camera, depth, row, column, channel] -> [point, channel]."""
    features = depth.unsqueeze(1) * context.unsqueeze(2)  # [camera, channel, depth, row, column]
    return features.permute(0, 2, 3, 4, 1).reshape(-1, context.shape[1])


def planes(cells, rows, columns):
    """[cell, channel] -> contiguous [1, channel, i, j]."""
    return cells.view(rows, columns, -1).permute(2, 0, 1).unsqueeze(0).contiguous()


def cumulative_sum(x, rank):
    """Sums of rows of equal, sorted rank: differences of the running sum at the ends."""
    x = x.cumsum(0)
    last = torch.ones(x.shape[0], dtype=torch.bool)
    last[:-1] = rank[1:] != rank[:-1]
    x, rank = x[last], rank[last]
    return torch.cat((x[:1], x[1:] - x[:-1])), rank


class Pooling:
    def __init__(self, rows, columns, bilinear):
        self.rows, self.columns = rows, columns
        self.depth, self.context = load("depth"), load("context")
        starts = load("starts")
        self.points = load("points")
        self.cells = torch.repeat_interleave(torch.arange(rows * columns), starts[1:] - starts[:-1])
        self.weights = load("weights").unsqueeze(1) if bilinear else None
        self.features = self.lift()
        self.index = self.cells.unsqueeze(1).expand_as(self.features)

    def lift(self):
        x = lifted(self.depth, self.context)[self.points]
        return x * self.weights if self.weights is not None else x

    def empty(self):
        return torch.zeros(self.rows * self.columns, self.context.shape[1])

    def index_add(self):
        return planes(self.empty().index_add_(0, self.cells, self.lift()), self.rows, self.columns)

    def scatter_add(self):
        return planes(self.empty().scatter_add_(0, self.index, self.lift()), self.rows, self.columns)

    def sum(self):
        """The faster of both sums, as measured before, without the lift: features are ready."""
        return self.fastest()

    def pick(self):
        a = lambda: planes(self.empty().index_add_(0, self.cells, self.features), self.rows, self.columns)
        b = lambda: planes(self.empty().scatter_add_(0, self.index, self.features), self.rows, self.columns)
        self.fastest = min((a, b), key=lambda f: min(timed(f) for _ in range(4)))

    def cumsum(self):
        x, cells = cumulative_sum(self.lift(), self.cells)
        out = self.empty()
        out[cells] = x
        return planes(out, self.rows, self.columns)


class Pillars:
    """PointPillars' features (Lang et al., CVPR 2019, section 2.1) and the point's age, as sums and scaled as PillarInputs does:
    offset from the pillar's middle, height, intensity, age | the middle, the mean offset from it and the mean height."""

    def __init__(self, rows, columns, low, side):
        self.rows, self.columns, self.low, self.side = rows, columns, low, side
        self.points, self.weight, self.bias, self.cells = load("points"), load("weight"), load("bias"), load("cells")
        self.cloud = load("cloud")
        starts = load("starts")
        pillar = torch.repeat_interleave(torch.arange(len(self.cells)), starts[1:] - starts[:-1])
        self.index = pillar.unsqueeze(1).expand(-1, len(self.bias))

    def encoder(self):
        x = F.linear(self.points, self.weight, self.bias).relu_()
        pooled = torch.zeros(len(self.cells), x.shape[1]).scatter_reduce_(0, self.index, x, "amax")
        return self.canvas(pooled, self.cells)

    def canvas(self, pooled, cells):
        canvas = torch.zeros(pooled.shape[1], self.rows * self.columns)
        canvas[:, cells] = pooled.t()
        return canvas.view(1, -1, self.rows, self.columns)

    def kept(self):
        """Points within the grid and -3 to 5 m of height, and their cells."""
        i = torch.floor((self.cloud[:, :2] - self.low) / self.side).long()
        z = self.cloud[:, 2]
        inside = (i[:, 0] >= 0) & (i[:, 0] < self.rows) & (i[:, 1] >= 0) & (i[:, 1] < self.columns) & (z >= -3) & (z < 5)
        i = i[inside]
        return self.cloud[inside], i, i[:, 0] * self.columns + i[:, 1]

    def encoded(self, p, i, group, count, groups):
        """ReLU features by group; `count` may hold zeros."""
        middle = (i + 0.5) * self.side + self.low
        own = torch.cat(((p[:, :2] - middle) / self.side, p[:, 2:3] / 4, p[:, 3:4] / 255, p[:, 4:] * 2), 1)
        mean = torch.zeros(groups, 3).index_add_(0, group, own[:, :3]) / count.unsqueeze(1)
        reach = 2 / (self.side * max(self.rows, self.columns))
        features = torch.cat((own, middle * reach, mean[group]), 1)
        x = F.linear(features, self.weight, self.bias).relu_()
        return torch.zeros(groups, x.shape[1]).scatter_reduce_(0, group.unsqueeze(1).expand_as(x), x, "amax")

    def unique(self):
        p, i, cell = self.kept()
        cells, group, count = torch.unique(cell, return_inverse=True, return_counts=True)
        return self.canvas(self.encoded(p, i, group, count, len(cells)), cells)

    def dense(self):
        p, i, cell = self.kept()
        count = torch.bincount(cell, minlength=self.rows * self.columns)
        return planes(self.encoded(p, i, cell, count, len(count)), self.rows, self.columns)


class Warp:
    def __init__(self):
        self.x, motion = load("x"), load("motion").double()
        rows, columns = self.x.shape[2:]
        # Indices to affine_grid's coordinates: k = ((c + 1) · n - 1) / 2, columns first.
        index = torch.tensor([[rows / 2, 0, (rows - 1) / 2], [0, columns / 2, (columns - 1) / 2], [0, 0, 1]]).double()
        full = torch.cat((motion, torch.tensor([[0, 0, 1.0]]).double()))
        theta = (index.inverse() @ full @ index)[:2]
        swap = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 1]]).double()
        self.theta = (swap[:2, :2] @ theta @ swap).float().unsqueeze(0)

    def warp(self):
        grid = F.affine_grid(self.theta, list(self.x.shape), align_corners=False)
        return F.grid_sample(self.x, grid, "bilinear", "zeros", align_corners=False)


class Network:
    """The two ONNX files' operators in eager mode, the pooling of the paper between them."""

    def __init__(self, directory):
        import onnx
        from onnx import numpy_helper
        self.parts = []
        for name in ["camencode", "bevencode"]:
            graph = onnx.load(f"{directory}/{name}.onnx").graph
            weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer}
            self.parts.append((graph, weights, [self.compiled(graph, n, weights) for n in fused(graph.node)]))
        self.image, self.frustum, self.intrinsics = load("image"), load("frustum"), load("intrinsics")
        self.rotations, self.translations = load("rotations"), load("translations")
        self.turn = 0

    def compiled(self, graph, node, weights):
        """One operator as a function of the values so far."""
        kind, ins, outs, attributes = node
        v = lambda k: ins[k]
        if kind == "Conv":
            w, b = weights[ins[1]], weights[ins[2]] if len(ins) > 2 else None
            top, left, bottom, right = attributes["pads"]
            stride, groups = tuple(attributes["strides"]), attributes["group"]
            if (top, left) == (bottom, right):
                return lambda x: {outs[0]: F.conv2d(x[v(0)], w, b, stride, (top, left), 1, groups)}
            return lambda x: {outs[0]: F.conv2d(F.pad(x[v(0)], (left, right, top, bottom)), w, b, stride, 0, 1, groups)}
        if kind == "BatchNormalization":
            s, b, m, d = (weights[n] for n in ins[1:])
            return lambda x: {outs[0]: F.batch_norm(x[v(0)], m, d, s, b, False, 0.0, attributes["epsilon"])}
        if kind == "Resize":
            scale = float(weights[ins[2]][-1])
            return lambda x: {outs[0]: F.interpolate(x[v(0)], scale_factor=scale, mode="bilinear", align_corners=True)}
        if kind == "Split":
            sizes = weights[ins[1]].tolist()
            return lambda x: dict(zip(outs, x[v(0)].split(sizes, dim=attributes["axis"])))
        simple = {
            "Swish": lambda x: F.silu(x[v(0)]),
            "Relu": lambda x: F.relu(x[v(0)]),
            "ReluInPlace": lambda x: F.relu_(x[v(0)]),
            "Sigmoid": lambda x: torch.sigmoid(x[v(0)]),
            "Mul": lambda x: x[v(0)] * x[v(1)],
            "Add": lambda x: x[v(0)] + x[v(1)],
            "GlobalAveragePool": lambda x: F.adaptive_avg_pool2d(x[v(0)], 1),
            "Concat": lambda x: torch.cat([x[n] for n in ins], attributes.get("axis", 1)),
            "Softmax": lambda x: x[v(0)].softmax(attributes.get("axis", -1)),
            "Identity": lambda x: x[v(0)],
        }[kind]
        return lambda x: {outs[0]: simple(x)}

    def encode(self, part, feed, value):
        graph, _, operators = self.parts[part]
        values = {feed: value}
        for operator in operators:
            values.update(operator(values))
        return [values[o.name] for o in graph.output]

    def geometry(self):
        """Frustum points in the ego frame: [camera, depth, row, column, 3]."""
        rotation, translation = self.rotations[self.turn], self.translations[self.turn]
        points = torch.cat((self.frustum[..., :2] * self.frustum[..., 2:], self.frustum[..., 2:]), -1)
        combined = rotation @ torch.inverse(self.intrinsics)
        points = combined.view(6, 1, 1, 1, 3, 3).matmul(points.unsqueeze(0).unsqueeze(-1)).squeeze(-1)
        return points + translation.view(6, 1, 1, 1, 3)

    def pool(self, depth, context):
        x = lifted(depth, context)
        low, size, count = torch.tensor([-50.0, -50, -10]), torch.tensor([0.5, 0.5, 20]), torch.tensor([200, 200, 1])
        cells = torch.floor((self.geometry() - low) / size).long().view(-1, 3)
        kept = ((cells >= 0) & (cells < count)).all(1)
        x, cells = x[kept], cells[kept]
        ranks = cells[:, 0] * 200 + cells[:, 1]
        order = ranks.argsort()
        x, ranks = cumulative_sum(x[order], ranks[order])
        final = torch.zeros(64, 200 * 200)
        final[:, ranks] = x.t()
        return final.view(1, 64, 200, 200)

    def network(self):
        depth, context = self.encode(0, "image", self.image)
        return self.encode(1, "bev", self.pool(depth, context))[0]

    def times(self):
        depth, context = self.encode(0, "image", self.image)
        bev = self.pool(depth, context)
        steps = [lambda: self.encode(0, "image", self.image), lambda: self.pool(depth, context),
                 lambda: self.encode(1, "bev", bev)]
        return [min(timed(s) for _ in range(4)) for s in steps]


def fused(nodes):
    """Nodes as (kind, inputs, outputs, attributes); x·sigmoid(x) as one, ReLU in place after a normalisation or sum."""
    from onnx import helper
    makers = {o: n for n in nodes for o in n.output}
    readers = {}
    for n in nodes:
        for i in n.input:
            readers[i] = readers.get(i, 0) + 1
    swish = {n.input[1] for n in nodes if n.op_type == "Mul" and n.input[1] in makers
             and makers[n.input[1]].op_type == "Sigmoid" and makers[n.input[1]].input[0] == n.input[0]}
    result = []
    for n in nodes:
        attributes = {a.name: helper.get_attribute_value(a) for a in n.attribute}
        if n.op_type == "Sigmoid" and n.output[0] in swish:
            continue
        kind, ins = n.op_type, list(n.input)
        if kind == "Mul" and ins[1] in swish:
            kind, ins = "Swish", ins[:1]
        if kind == "Relu" and readers[ins[0]] == 1 and makers[ins[0]].op_type in ("BatchNormalization", "Conv", "Add"):
            kind = "ReluInPlace"
        result.append((kind, ins, list(n.output), attributes))
    return result


def timed(f):
    start = time.perf_counter()
    f()
    return (time.perf_counter() - start) * 1e3


def main():
    state = None
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            answer = []
            if command == "pooling":
                state = Pooling(int(arguments[0]), int(arguments[1]), arguments[2] == "1")
                state.pick()
            elif command == "pillars":
                state = Pillars(*map(int, arguments[:2]), *map(float, arguments[2:]))
            elif command == "warp":
                state = Warp()
            elif command == "network":
                state = Network(arguments[0])
            elif command == "save":
                np.save(folder / "result.npy", getattr(state, arguments[0])().numpy())
            elif command == "run":
                f = getattr(state, arguments[0])
                for _ in range(int(arguments[1])):
                    if isinstance(state, Network):
                        state.turn = 1 - state.turn
                    answer.append(timed(f))
            elif command == "parts":
                answer = state.times()
            print("ok", *answer, flush=True)
        except Exception as error:  # one line back to the benchmark, which stops
            print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
