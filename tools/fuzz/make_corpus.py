#!/usr/bin/env python3
"""Writes the seeds of the fuzzed readers: python3 make_corpus.py (wants numpy, onnx 1.19.1)."""
import io, json, struct, zipfile
from pathlib import Path
import numpy as np, onnx
from onnx import TensorProto as T, helper as h, numpy_helper

root = Path(__file__).parent / "corpus"
rng = np.random.default_rng(1)


def put(path, data):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (code, array) in tensors.items():
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


put("safetensors/two", safetensors({"a": ("F32", np.ones((2, 3), "f4")), "b": ("I64", np.arange(4))}, {"k": "v"}))
put("safetensors/half", safetensors({"h": ("F16", np.ones(3, "f2")), "e": ("F32", np.zeros((0, 2), "f4"))}))

for name, array in {"f4": np.ones((2, 3), "f4"), "big": np.arange(4, dtype=">i8"), "fortran": np.asfortranarray(np.ones((2, 3))),
                    "bool": np.array([True, False]), "scalar": np.float32(1)}.items():
    f = io.BytesIO()
    np.save(f, array)
    put(f"npy/{name}", f.getvalue())
f = io.BytesIO()
np.savez_compressed(f, a=np.ones((2, 3), "f4"), b=np.arange(3))
put("npz/deflated", f.getvalue())
f = io.BytesIO()
with zipfile.ZipFile(f, "w") as z:
    z.writestr("x.npy", (root / "npy/f4").read_bytes())
put("npz/stored", f.getvalue())


def model(name, nodes, inputs, outputs, weights=(), opset=22):
    graph = h.make_graph(nodes, "g", [h.make_tensor_value_info(n, t, s) for n, t, s in inputs],
                         [h.make_tensor_value_info(n, T.FLOAT, None) for n in outputs],
                         [numpy_helper.from_array(v, n) for n, v in weights])
    put(f"onnx/{name}", h.make_model(graph, opset_imports=[h.make_opsetid("", opset)]).SerializeToString())


x = [("x", T.FLOAT, [1, 2, 5, 6])]
w = rng.normal(size=(2, 2, 3, 3)).astype("f4")
model("conv", [h.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]), h.make_node("Relu", ["c"], ["y"])], x, ["y"], [("w", w)])
model("transposed", [h.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_padding=[1, 1])], x, ["y"], [("w", w)])
model("pool", [h.make_node("MaxPool", ["x"], ["m"], kernel_shape=[2, 2], ceil_mode=1, strides=[2, 2]), h.make_node("GlobalAveragePool", ["m"], ["y"])], x, ["y"])
model("resize", [h.make_node("Resize", ["x", "", "s"], ["y"], mode="cubic", antialias=1)], x, ["y"], [("s", np.array([1, 1, .5, 2], "f4"))])
model("shapes", [h.make_node("Shape", ["x"], ["s"], start=1), h.make_node("ConstantOfShape", ["s"], ["c"]),
                 h.make_node("Slice", ["c", "a", "b", "k"], ["l"]), h.make_node("Reshape", ["x", "r"], ["q"]),
                 h.make_node("Pad", ["q", "p"], ["y"], mode="reflect")], x, ["y", "l"],
      [("a", np.array([0])), ("b", np.array([2])), ("k", np.array([1])), ("r", np.array([0, -1])), ("p", np.array([0, 1, 0, 1]))])
model("attention", [h.make_node("Attention", ["x", "x", "x"], ["y"], is_causal=1, softcap=2.0)], x, ["y"], opset=23)
model("gather", [h.make_node("Gather", ["x", "i"], ["g"], axis=1), h.make_node("ScatterND", ["x", "n", "u"], ["z"]),
                 h.make_node("Einsum", ["g", "z"], ["y"], equation="abcd,aecd->be")], x, ["y"],
      [("i", np.array([1, 0])), ("n", np.array([[0, 1]])), ("u", np.ones((1, 5, 6), "f4"))])
model("softmax", [h.make_node("Softmax", ["x"], ["s"], axis=1), h.make_node("ReduceMean", ["s"], ["y"], axes=[2])], x, ["y"], opset=11)
