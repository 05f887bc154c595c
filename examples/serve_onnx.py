"""Images from a file of `mxgan export --format onnx`, with onnxruntime and NumPy alone: copy this file beside yours.
python examples/serve_onnx.py OUT/model.onnx --num 16 --output grid.png
"""

import argparse
import struct
import zlib

import numpy as np
import onnxruntime

parser = argparse.ArgumentParser(description="Draw a grid of images from a generator in a file of ONNX.")
parser.add_argument("model")
for name, default in (("--num", 16), ("--seed", 0), ("--output", "grid.png")):
    parser.add_argument(name, type=type(default), default=default)
args = parser.parse_args()
if args.num < 1:
    parser.error("--num: give 1 or more")
session = onnxruntime.InferenceSession(args.model, providers=["CPUExecutionProvider"])
facts = session.get_modelmeta().custom_metadata_map
shape, rng = (args.num, *session.get_inputs()[0].shape[1:]), np.random.default_rng(args.seed)
latents = rng.standard_normal(shape) if facts["latent_distribution"] == "normal" else rng.uniform(-1, 1, shape)
known = {"latent": latents.astype(np.float32), "class": np.arange(args.num) % max(1, int(facts["classes"]))}
given = {each.name: known[each.name] for each in session.get_inputs()}
images = session.run(["image"], given)[0]  # (N, C, H, W) in [-1, 1]
pixels, columns = np.rint((images.clip(-1, 1) + 1) * 127.5).astype(np.uint8), int(np.ceil(np.sqrt(args.num)))
cells = np.pad(pixels, [(0, -args.num % columns), (0, 0), (0, 0), (0, 0)])  # black cells at the end
rows = cells.reshape(-1, columns, *pixels.shape[1:]).transpose(0, 3, 1, 4, 2)  # (rows, H, columns, W, C)
lines, (channels, _, width) = rows.reshape(rows.shape[0] * rows.shape[1], -1), pixels.shape[1:]
header = struct.pack(">IIBBBBB", columns * width, len(lines), 8, {1: 0, 3: 2}[channels], 0, 0, 0)
parts = {b"IHDR": header, b"IDAT": zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines)), b"IEND": b""}
chunks = (struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in parts.items())
with open(args.output, "xb") as stream:  # a file that exists stays
    stream.write(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
