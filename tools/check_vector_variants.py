#!/usr/bin/env python3
"""Runs CVectorKernels' loops with each instruction set that this CPU has and demands the same bytes of all.

    pip install numpy && python3 tools/check_vector_variants.py [CLANG++]

Random inputs, seed 7; odd lengths, borders and numbers that are not finite among them.
"""
import ctypes
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

SETS = ["sse4.2", "avx2", "avx512"]
folder = pathlib.Path(__file__).parents[1] / "Sources/CVectorKernels"
compiler = sys.argv[1] if len(sys.argv) > 1 else "clang++"
rng = np.random.default_rng(7)


def library(work):
    """The module as a library of its own."""
    result = work / "loops.so"
    subprocess.run([compiler, "-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-I", str(folder / "include"),
                    *map(str, folder.glob("*.cpp")), "-o", str(result)], check=True)
    return ctypes.CDLL(str(result))


def floats(*shape, special=False):
    a = rng.uniform(-3, 3, shape).astype(np.float32)
    if special and a.size >= 30:
        a.ravel()[rng.integers(0, a.size, 9)] = [np.nan, np.inf, -np.inf, 0, -0.0, 1e30, -1e30, 1e-42, 90]
    return a


def pointer(a):
    return ctypes.c_void_p(a.ctypes.data)


def integers(*values):
    return [ctypes.c_int64(v) for v in values]


class Lattice(ctypes.Structure):
    _fields_ = [("low", ctypes.c_float * 3), ("inverse", ctypes.c_float * 3), ("count", ctypes.c_float * 2),
                ("doubt", ctypes.c_float * 3)]


class Attention(ctypes.Structure):
    _fields_ = ([(n, ctypes.c_void_p) for n in ["queries", "keys", "values", "target"]]
                + [(n, ctypes.c_int64) for n in ["queryStride", "keyStride", "valueStride", "targetStride", "queryCount",
                                                 "firstQuery", "size", "valueSize"]]
                + [("scale", ctypes.c_float), ("causal", ctypes.c_int32), ("seen", ctypes.c_void_p),
                   ("seenCount", ctypes.c_int64), ("mask", ctypes.c_void_p), ("maskStride", ctypes.c_int64)])


def cases():
    """(name, function of a library that gives an array), the same inputs for every library."""
    places, factors = (rng.integers(0, 20, 37) * 80).astype(np.int64), floats(37)
    source, row = floats(20 * 80), floats(80)

    def add_rows(lib, fresh):
        out = row.copy()
        lib.apus_add_rows(pointer(out), pointer(source), pointer(places), pointer(factors), *integers(37, 80), fresh)
        return out

    for fresh in (0, 1):
        yield f"add_rows {fresh}", lambda lib, fresh=fresh: add_rows(lib, fresh)
    for count, own, shared, stride in [(1, 5, 5, 64), (2, 5, 5, 16), (7, 9, 0, 80), (33, 1, 3, 48)]:
        points, common, packed = floats(count, own, special=True), floats(max(shared, 1)), floats(stride * (own + shared + 1))

        def encode(lib, points=points, common=common, packed=packed, n=(count, own, shared, stride)):
            out = np.zeros(n[3], np.float32)
            lib.apus_encode_pillar(pointer(out), pointer(points), *integers(n[0], n[1]), pointer(common), *integers(n[2]),
                                   pointer(packed), *integers(n[3]))
            return out

        yield f"encode_pillar {count} {own} {shared} {stride}", encode
    xyz = [rng.uniform(-60, 60, 1003).astype(np.float32) for _ in range(2)] + [floats(1003, special=True)]
    xyz[0][:40] = np.arange(40, dtype=np.float32) * np.float32(0.8) - np.float32(51.2)
    xyz[1][50:55] = [np.nan, np.inf, -np.inf, 1e30, -1e30]
    lattice = Lattice((-51.2, -51.2, -3), (1.25, 1.25, 0.125), (128, 128), (1e-4, 1e-4, 1e-6))

    def find(lib):
        out = np.zeros(1003, np.int32)
        lib.apus_find_cells(pointer(out), *map(pointer, xyz), *integers(1003), ctypes.byref(lattice))
        return out

    yield "find_cells", find
    tile, first = floats(64 * 48), np.array([0, 8, 32, 56], np.int32)

    def transpose(lib):
        out = np.zeros((43, 64), np.float32)
        lib.apus_transpose_groups(pointer(out), *integers(64), pointer(tile), *integers(48, 43), pointer(first), *integers(4))
        return out

    yield "transpose_groups", transpose
    a, b, c = floats(112), floats(112), floats(112)

    def dot(lib):
        out = a.copy()
        lib.apus_dot_and_add.restype = ctypes.c_float
        sum = lib.apus_dot_and_add(pointer(out), pointer(b), pointer(c), ctypes.c_float(0.3), *integers(112))
        return np.append(out, np.float32(sum))

    yield "dot_and_add", dot
    def mix(lib):
        out = np.zeros(107, np.float32)
        lib.apus_mix_float_rows(pointer(out), pointer(a), pointer(b), ctypes.c_float(0.3), *integers(107))
        return out

    yield "mix_float_rows", mix
    bytes_, words = rng.integers(0, 256, (2, 101)).astype(np.uint8), rng.integers(0, 65536, (2, 101)).astype(np.uint16)

    def rows(lib):
        out = np.zeros(101, np.uint16)
        lib.apus_mix_rows(pointer(out), pointer(bytes_[0]), pointer(bytes_[1]), ctypes.c_uint16(97), *integers(101))
        return out

    def columns(lib):
        out = np.zeros(101, np.uint8)
        lib.apus_mix_columns(pointer(out), pointer(words[0]), pointer(words[1]), ctypes.c_uint32(12345), *integers(101))
        return out

    yield "mix_rows", rows
    yield "mix_columns", columns
    for width in (1, 16, 43, 128):
        x, scale, shift = floats(6, width), floats(3, width), floats(6, width)

        def normalize(lib, centers, x=x, scale=scale, shift=shift, width=width):
            out = np.zeros_like(x)
            lib.apus_normalize_rows(pointer(out), pointer(x), *integers(0, 6, width), ctypes.c_float(1e-5), centers,
                                    pointer(scale), *integers(2), pointer(shift), *integers(1))
            return out

        def scale_rows(lib, x=x, factors=floats(6), width=width):
            out = np.zeros_like(x)
            lib.apus_scale_rows(pointer(out), pointer(x), pointer(factors), *integers(0, 6, width))
            return out

        for centers in (0, 1):
            yield f"normalize_rows {width} {centers}", lambda lib, f=normalize, centers=centers: f(lib, centers)
        yield f"scale_rows {width}", scale_rows
    x = floats(203, special=True) * 5

    def gelu(lib):
        out = np.zeros_like(x)
        lib.apus_gelu_tanh(pointer(out), pointer(x), *integers(203))
        return out

    yield "gelu_tanh", gelu
    for queries, keys, size, values, causal in [(1, 1, 8, 16, 0), (13, 27, 16, 16, 1), (20, 70, 43, 41, 0), (64, 9, 32, 128, 1)]:
        q, k, v = floats(queries, size), floats(keys, size), floats(keys, values)
        seen, mask = np.arange(keys, dtype=np.int32), (rng.random((queries, keys)) < 0.7).astype(np.uint8)

        def attend(lib, q=q, k=k, v=v, seen=seen, mask=mask, causal=causal):
            out, scratch = np.zeros((len(q), v.shape[1]), np.float32), np.zeros(64 * (q.shape[1] + len(k)), np.float32)
            lib.apus_attend(ctypes.byref(Attention(
                q.ctypes.data, k.ctypes.data, v.ctypes.data, out.ctypes.data, q.shape[1], k.shape[1], v.shape[1], v.shape[1],
                len(q), 0, q.shape[1], v.shape[1], 0.2, causal, seen.ctypes.data, len(k), mask.ctypes.data, len(k))),
                pointer(scratch))
            return out

        yield f"attend {queries} {keys} {size} {values}", attend


def main():
    with tempfile.TemporaryDirectory() as work:
        lib = library(pathlib.Path(work))
        sets = [name for k, name in enumerate(SETS) if lib.apus_hold_vector_loops(k) == 0]
        wrong, count = [], 0
        for name, run in cases():
            results = {}
            for k, set_name in enumerate(sets):
                lib.apus_hold_vector_loops(k)
                # Which of several NaN comes out is the hardware's choice.
                r = run(lib)
                results[set_name] = np.where(np.isnan(r), np.nan, r).astype(r.dtype)
            reference = results["sse4.2"]
            assert reference.any(), f"{name}: zeros alone"
            wrong += [f"{name}: {n}" for n, r in results.items() if r.tobytes() != reference.tobytes()]
            count += 1
    print("\n".join(wrong) or f"ok {count} cases give the same bytes with {', '.join(sets)}")
    sys.exit(1 if wrong else 0)


main()
