"""Turn Rampart's 4-bit weights into an 8-bit model, once: `python -m guard.pii.requantise DIRECTORY`.

Each `MatMulNBits` goes back to a float `MatMul` (weight = (nibble - 8) · scale, blocks of 32 along K), then
onnxruntime's `quantize_dynamic` makes the MatMuls int8 per channel, and `fused` writes the graph out anew around those
weights. The outcome is bit-for-bit the same wherever the pinned versions run, so its hash is pinned too
(`rampart_files.INT8_SHA256`); another outcome is refused.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from guard.pii.rampart_files import INT8_SHA256, Q4, ModelMissing, checked, int8_path, shipped


def requantise(directory: Path) -> Path:
    """Make the 8-bit model in `directory` unless it is there. Raises ModelMissing for another outcome."""
    target = int8_path(directory)
    if target.exists():
        return checked(target, INT8_SHA256)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        made = checked(_quantised(Path(folder)), INT8_SHA256)
        os.replace(made, target)
    return target


def _quantised(folder: Path) -> Path:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from guard.pii.fused import fused

    floats, made = folder / "float.onnx", folder / "int8.onnx"
    model = onnx.load(str(shipped(*Q4)))
    dequantise(model)
    onnx.save(model, str(floats))
    logging.disable(logging.WARNING)
    try:
        quantize_dynamic(
            str(floats), str(made), weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"]
        )
    finally:
        logging.disable(logging.NOTSET)
    onnx.save(fused(onnx.load(str(made))), str(made))
    return made


def dequantise(model: Any) -> None:
    """Replace every `MatMulNBits` of the graph by a float `MatMul`, in place."""
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes, floats, gone = [], [], set()
    for node in model.graph.node:
        if node.op_type != "MatMulNBits":
            nodes.append(node)
            continue
        data, packed, scales = node.input
        size = {attribute.name: attribute.i for attribute in node.attribute}
        matrix = unpacked(numpy_helper.to_array(weights[packed]), numpy_helper.to_array(weights[scales]), size)
        floats.append(numpy_helper.from_array(matrix, packed + "_f32"))
        nodes.append(helper.make_node("MatMul", [data, packed + "_f32"], list(node.output), name=node.name + "_f32"))
        gone |= {packed, scales}
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in gone]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept + floats)


def unpacked(packed: np.ndarray, scales: np.ndarray, size: dict[str, int]) -> np.ndarray:
    """(N, K/B, B/2) bytes of two nibbles, low one first, and their scales, as a (K, N) float32 matrix."""
    wide, deep, block = size["N"], size["K"], size["block_size"]
    pairs = packed.reshape(wide, deep // block, block // 2)
    nibbles = np.stack([pairs & 15, pairs >> 4], axis=-1).reshape(wide, deep // block, block)
    matrix = (nibbles.astype(np.int16) - 8) * scales.reshape(wide, deep // block, 1)
    return np.ascontiguousarray(matrix.astype(np.float32).reshape(wide, deep).T)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    try:
        print(requantise(Path(sys.argv[1])))
    except ModelMissing as missing:
        print(f"not made: {missing} is not as pinned; the shipped 4-bit model serves", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
