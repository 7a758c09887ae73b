"""Rampart's graph, written out anew around its 8-bit weights: what the exporter spelt in 650 small steps takes 90.

The model is a plain BERT for token classification: six layers of 384, twelve heads. A text goes through alone and
unpadded, so there is no attention mask; its one token type is added to the positions beforehand. The weights are the
8-bit model's, bit for bit. Steps are onnxruntime's own fused ones, except for its `SkipLayerNormalization`, which
needs four times the time of an addition and a `LayerNormalization` (the session must not fuse them again).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

_LAYERS, _HEADS, _LABELS = 6, 12, 35
_OURS = "com.microsoft"
_EPSILON = 1e-12


class Graph:
    """The graph that is being written, beside the one whose weights it takes."""

    def __init__(self, source: Any) -> None:
        self._tensors = {tensor.name: tensor for tensor in source.graph.initializer}
        self._matrices = iter([name[:-10] for name in self._tensors if _is_matrix(name)])
        self._nodes: list[Any] = []
        self._kept: dict[str, Any] = {}

    def model(self, output: str) -> Any:
        graph = helper.make_graph(
            self._nodes,
            "rampart",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", "tokens", _LABELS])],
            list(self._kept.values()),
        )
        versions = [helper.make_opsetid("", 17), helper.make_opsetid(_OURS, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=8, producer_name="memwrit")

    def step(self, kind: str, inputs: list[str], outputs: str | list[str], **settings: Any) -> str:
        """One node; its first output's name."""
        named = [outputs] if isinstance(outputs, str) else outputs
        domain = _OURS if kind in _FUSED else ""
        self._nodes.append(helper.make_node(kind, inputs, named, domain=domain, **settings))
        return named[0]

    def weight(self, name: str) -> str:
        """A tensor of the source, under its name."""
        self._kept[name] = self._tensors[name]
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        self._kept[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def matrix(self) -> list[str]:
        """The next 8-bit matrix, in the order of the layers: its values, scales and zero points."""
        name = next(self._matrices)
        return [self.weight(name + part) for part in ("_quantized", "_scale", "_zero_point")]

    def table(self, name: str) -> np.ndarray:
        """An embedding table, as numbers."""
        values, zero, scale = (
            numpy_helper.to_array(self._tensors[f"bert.embeddings.{name}.weight_{part}"])
            for part in ("quantized", "zero_point", "scale")
        )
        return np.asarray((values.astype(np.int32) - int(zero)).astype(np.float32) * scale, dtype=np.float32)


def fused(source: Any) -> Any:
    """The 8-bit model `source` (as `quantize_dynamic` leaves it) with the same weights in fused steps.

    Takes `input_ids` alone: (texts, tokens), every text as long as the others.
    """
    graph = Graph(source)
    at = _embedded(graph)
    for layer in range(_LAYERS):
        at = _layer(graph, f"bert.encoder.layer.{layer}.", at)
    return graph.model(_dense(graph, at, "classifier.bias", "logits"))


def _embedded(graph: Graph) -> str:
    words = "bert.embeddings.word_embeddings.weight_"
    rows = graph.step("Gather", [graph.weight(words + "quantized"), "input_ids"], "rows")
    scale, zero = graph.weight(words + "scale"), graph.weight(words + "zero_point")
    graph.step("DequantizeLinear", [rows, scale, zero], "words")
    places = graph.constant("places", graph.table("position_embeddings") + graph.table("token_type_embeddings")[0])
    first, axis = graph.constant("first", np.zeros(1, np.int64)), graph.constant("axis", np.zeros(1, np.int64))
    graph.step("Shape", ["input_ids"], "length", start=1, end=2)
    graph.step("Slice", [places, first, "length", axis], "placed")
    return _normalised(graph, "words", "placed", "bert.embeddings.")


def _layer(graph: Graph, prefix: str, at: str) -> str:
    attended = _attended(graph, prefix + "attention.self.", at)
    attended = _dense(graph, attended, prefix + "attention.output.dense.bias", prefix + "attention.dense")
    middle = _normalised(graph, attended, at, prefix + "attention.output.")
    wide = _dense(graph, middle, prefix + "intermediate.dense.bias", prefix + "wide")
    graph.step("Gelu", [wide], prefix + "gelu")
    narrow = _dense(graph, prefix + "gelu", prefix + "output.dense.bias", prefix + "narrow")
    return _normalised(graph, narrow, middle, prefix + "output.")


def _attended(graph: Graph, prefix: str, at: str) -> str:
    """Attention; the three projections share one quantisation of what comes in."""
    small, scale, zero = (prefix + part for part in ("small", "scale", "zero"))
    graph.step("DynamicQuantizeLinear", [at], [small, scale, zero])
    projected = []
    for part in ("query", "key", "value"):
        values, scales, zeros = graph.matrix()
        inputs = [small, values, scale, scales, zero, zeros, graph.weight(f"{prefix}{part}.bias")]
        projected.append(graph.step("MatMulIntegerToFloat", inputs, prefix + part))
    return graph.step("MultiHeadAttention", projected, prefix + "attended", num_heads=_HEADS)


def _dense(graph: Graph, at: str, bias: str, name: str) -> str:
    values, scales, zeros = graph.matrix()
    return graph.step("DynamicQuantizeMatMul", [at, values, scales, zeros, graph.weight(bias)], name)


def _normalised(graph: Graph, left: str, right: str, prefix: str) -> str:
    both = graph.step("Add", [left, right], prefix + "sum")
    sizes = [graph.weight(prefix + "LayerNorm.weight"), graph.weight(prefix + "LayerNorm.bias")]
    return graph.step("LayerNormalization", [both, *sizes], prefix + "normal", axis=-1, epsilon=_EPSILON)


def _is_matrix(name: str) -> bool:
    return name.startswith("onnx::MatMul_") and name.endswith("_quantized")


_FUSED = frozenset({"MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MultiHeadAttention", "Gelu"})
