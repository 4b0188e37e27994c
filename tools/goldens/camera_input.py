#!/usr/bin/env python3
"""Writes Tests/CameraInputTests/Goldens.swift: small JPEGs made here, and what Pillow makes of them.

    pip install pillow numpy && python3 tools/goldens/camera_input.py

Seed 7. Pillow decodes with libjpeg-turbo (accurate integer DCT, fancy upsampling) and resizes each channel in
32-bit floats (`Image.resize` in mode F with BILINEAR and a box), which is the reference of `Resampler`.
"""
import base64
import io
import pathlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(7)
WIDTH, HEIGHT = 41, 30
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
picture = np.stack([
    127 + 120 * np.sin(x / 5.0), 127 + 120 * np.cos(y / 4.0), 255 * ((x // 6 + y // 6) % 2)
], -1) + rng.normal(0, 4, (HEIGHT, WIDTH, 3))
picture = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def encoded(image, form="JPEG", **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def decoded(data, reduce=1):
    image = Image.open(io.BytesIO(data))
    if reduce > 1:
        image.draft("RGB", (WIDTH // reduce, HEIGHT // reduce))
    return np.asarray(image.convert("RGB"))


def resized(pixels, size, box):
    planes = []
    for c in range(3):
        plane = Image.fromarray(pixels[:, :, c].astype(np.float32), "F")
        planes.append(np.asarray(plane.resize(size, Image.BILINEAR, box=box)))
    return np.stack(planes).astype("<f4")


colour = encoded(picture, quality=92, subsampling=2)
exif = Image.Exif()
exif[274] = 6  # orientation: turned by a quarter
items = {
    "colour": colour,
    "colourFull": decoded(colour).tobytes(),
    "colourHalf": decoded(colour, 2).tobytes(),
    "colourQuarter": decoded(colour, 4).tobytes(),
    # scale 0.4 of 41 x 30 -> 16.4 x 12, cropped to 13 x 9 at the bottom in the middle, from the half-size image:
    # a decoded pixel is 2 source pixels, an output pixel 2.5 source pixels or 1.25 decoded ones.
    "colourPlan": resized(decoded(colour, 2), (13, 9), (1.7 * 1.25, 3 * 1.25, 14.7 * 1.25, 12 * 1.25)).tobytes(),
    # scale 0.7 from the full image to 20 x 21, left and top
    "colourPlanFull": resized(decoded(colour), (20, 21), (0, 0, 20 / 0.7, 30)).tobytes(),
    "grey": encoded(picture.convert("L"), quality=90),
    "greyFull": decoded(encoded(picture.convert("L"), quality=90)).tobytes(),
    "progressive": encoded(picture, quality=92, subsampling=2, progressive=True),
    "cmyk": encoded(picture.convert("CMYK"), quality=90),
    "turned": encoded(picture, quality=92, subsampling=2, exif=exif.tobytes()),
    "png": encoded(picture, "PNG"),
}
lines = [
    "import Foundation", "",
    "/// Made by tools/goldens/camera_input.py: JPEGs of 41 x 30 pixels and what Pillow makes of them.",
    "enum Golden {",
]
for name, data in items.items():
    text = base64.b64encode(data).decode()
    lines.append(f"  static let {name} = bytes(")
    lines.append('    """')
    lines += ["    " + text[k:k + 100] for k in range(0, len(text), 100)]
    lines.append('    """)')
lines += [
    "",
    "  private static func bytes(_ text: String) -> [UInt8] {",
    '    [UInt8](Data(base64Encoded: text.replacingOccurrences(of: "\\n", with: "")) ?? Data())',
    "  }",
    "",
    "  /// Little-endian 32-bit floats.",
    "  static func floats(_ bytes: [UInt8]) -> [Float] {",
    "    stride(from: 0, to: bytes.count, by: 4).map { k in",
    "      Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[k + $1]) << UInt32(8 * $1) })",
    "    }",
    "  }",
    "}",
]
target = pathlib.Path(__file__).parents[2] / "Tests/CameraInputTests/Goldens.swift"
target.write_text("\n".join(lines) + "\n")
