#!/usr/bin/env python3
"""Runs exported nets of every block in ONNX Runtime and compares each element with the engine's own output.

    swift build -c release --product ApusPackageTests
    APUS_NETS=/tmp/nets swift test -c release --skip-build --filter writeNetsForOtherRuntimes
    pip install onnxruntime numpy && python3 tools/onnx/check_blocks.py /tmp/nets

Differences are parts of the output's range; 2e-5 is allowed (float32 sums in another order).
"""
import pathlib
import sys

import numpy as np
import onnxruntime

worst = 0.0
onnxruntime.set_default_logger_severity(3)
for folder in sorted(p for p in pathlib.Path(sys.argv[1]).iterdir() if (p / "model.onnx").exists()):
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    inputs = {i.name: np.load(folder / f"{i.name}.npy") for i in session.get_inputs()}
    (found,) = session.run(None, inputs)
    expected = np.load(folder / "y.npy")
    assert found.shape == expected.shape, (folder.name, found.shape, expected.shape)
    difference = float(np.abs(found - expected).max() / np.ptp(expected))
    print(f"{folder.name:20} {str(expected.shape):20} {difference:.1e}")
    worst = max(worst, difference)
print("ok" if worst <= 2e-5 else "FAIL", f"worst {worst:.1e}")
sys.exit(worst > 2e-5)
