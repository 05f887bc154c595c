"""Cases for the rules of ONNX: every operator with the attributes that change what it does."""

from __future__ import annotations

from typing import NamedTuple

from mxgan.export.onnx_rules_elementwise import _SPELLINGS

IMAGE, ROW = (4, 7, 6), (5,)


class Case(NamedTuple):
    """One layer; `inputs` are shapes of one sample, further inputs are parameters."""

    operator: str
    attributes: dict
    inputs: tuple

    def __str__(self) -> str:
        return " ".join([self.operator, *(f"{key}={value}" for key, value in self.attributes.items())])


def case(operator: str, *inputs: tuple, **attributes) -> Case:
    return Case(operator, attributes, inputs or (IMAGE,))


def pooled(**attributes) -> list:
    kinds = [{"pool_type": kind} for kind in ("max", "avg", "sum")] + [{"pool_type": "lp", "p_value": 2}]
    return [case("Pooling", **kind, **attributes) for kind in kinds]


WINDOWS = {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}
REDUCTIONS = [{}, {"axis": 1}, {"axis": (1, 3), "keepdims": True}, {"axis": -1}, {"keepdims": True}]
SCALARS = [(form.format(kind)) for form, kinds in _SPELLINGS.items() for kind in kinds if "scalar" in form]
PAIRS = [form.format(kind) for form, kinds in _SPELLINGS.items() for kind in kinds if "scalar" not in form]
UNARY = (
    "abs", "ceil", "cos", "erf", "exp", "expm1", "floor", "log", "log10", "log1p", "log2", "logical_not", "negative",
    "ones_like", "reciprocal", "relu", "rint", "round", "rsqrt", "sigmoid", "sign", "sin", "softsign", "sqrt",
    "square", "tanh", "zeros_like",
)  # fmt: skip

CASES = [
    *(case(name) for name in UNARY),
    *(case(name, scalar=1.5) for name in SCALARS),
    *(case(name, IMAGE, IMAGE) for name in PAIRS),
    *(case(name, IMAGE, (4, 1, 1)) for name in PAIRS if name.startswith("broadcast")),
    *(case("Activation", act_type=kind) for kind in ("relu", "sigmoid", "softrelu", "softsign", "tanh")),
    case("BatchNorm", fix_gamma=False, eps=0.01),
    case("BatchNorm"),  # fix_gamma, eps 1e-3
    case("BatchNorm", ROW, fix_gamma=False, use_global_stats=True),
    case("BatchNorm", axis=3, fix_gamma=False),
    case("BatchNorm", axis=-1),
    case("BatchNorm", output_mean_var=True, fix_gamma=False),
    *(case("Cast", dtype=kind) for kind in ("float32", "float16", "float64", "int32", "uint8")),
    case("Concat", IMAGE, (2, 7, 6), num_args=2),
    case("Concat", IMAGE, (4, 7, 2), num_args=2, dim=-1),
    case("Convolution", **WINDOWS, num_filter=6),
    case("Convolution", kernel=(2, 3), dilate=(2, 1), num_group=2, num_filter=6, no_bias=True, layout="NCHW"),
    case("Convolution", (4, 9), kernel=(3,), stride=(2,), num_filter=3),
    case("Convolution", (2, 4, 5, 4), kernel=(2, 2, 2), pad=(0, 1, 0), num_filter=3),
    case("Crop", h_w=(3, 4), offset=(2, 1), num_args=1),
    case("Crop", h_w=(4, 3), center_crop=True, num_args=1),
    case("Crop", IMAGE, (4, 5, 5), offset=(1, 1), num_args=2),
    case("Deconvolution", kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=3),
    case("Deconvolution", kernel=(3, 2), num_group=2, num_filter=6, no_bias=False),
    case("Deconvolution", (4, 5), kernel=(3,), stride=(2,), num_filter=3),
    case("Embedding", (3,), input_dim=4, output_dim=5),
    case("Embedding", (), input_dim=4, output_dim=5),
    case("Flatten"),
    case("FullyConnected", num_hidden=3),
    case("FullyConnected", ROW, num_hidden=3, no_bias=True),
    case("FullyConnected", num_hidden=3, flatten=False),
    case("FullyConnected", num_hidden=3, flatten=False, no_bias=True),
    case("GroupNorm", num_groups=2, eps=0.01),
    case("GroupNorm"),
    case("InstanceNorm"),
    case("InstanceNorm", (4, 9), eps=0.1),
    *(case("L2Normalization", mode=mode, eps=0.1) for mode in ("instance", "channel", "spatial")),
    case("LRN", nsize=3, alpha=0.5, beta=0.6, knorm=1.5),
    case("LRN", nsize=5),
    case("LayerNorm"),
    case("LayerNorm", axis=1, eps=0.1),
    *(case("LeakyReLU", act_type=kind, slope=0.3) for kind in ("leaky", "elu", "selu", "gelu", "prelu")),
    case("LeakyReLU", act_type="rrelu", lower_bound=0.1, upper_bound=0.5),
    case("LeakyReLU", ROW, act_type="prelu"),
    case("LeakyReLU"),
    *(case("Pad", mode=mode, pad_width=(0, 0, 0, 0, 1, 2, 3, 0), constant_value=0.5)
      for mode in ("constant", "edge", "reflect")),
    *pooled(**WINDOWS),
    *pooled(**WINDOWS, pooling_convention="full"),
    *pooled(kernel=(3, 3), stride=(3, 2), pad=(1, 1), pooling_convention="full"),
    case("Pooling", **WINDOWS, pool_type="avg", count_include_pad=False),
    case("Pooling", **WINDOWS, pool_type="avg", count_include_pad=False, pooling_convention="full"),
    *pooled(kernel=(1, 1), global_pool=True),
    *(case("Pooling", pool_type="lp", p_value=power, **more) for power in (1, 3)
      for more in (WINDOWS, {"kernel": (1, 1), "global_pool": True})),
    case("Pooling", kernel=(2, 2)),
    case("Pooling", (4, 9), kernel=(2,), stride=(2,), pool_type="avg"),
    case("Reshape", shape=(0, -1)),
    case("Reshape", shape=(-1, 2, 7, 6)),
    case("Reshape", shape=(0, 0, -3)),
    case("Reshape", shape=(-2, 1)),
    case("Reshape", shape=(0, -4, 2, -1, 0, 0)),
    case("Reshape", shape=(-1, 0, 3), reverse=True),
    case("SliceChannel", num_outputs=2),
    case("SliceChannel", num_outputs=1),
    case("SliceChannel", num_outputs=6, axis=3, squeeze_axis=True),
    case("SoftmaxActivation", (5,)),
    case("SoftmaxActivation"),
    case("SoftmaxActivation", mode="channel"),
    case("SwapAxis", dim1=1, dim2=3),
    case("UpSampling", scale=2, sample_type="nearest", num_args=1),
    case("UpSampling", (4, 3, 3), (2, 6, 6), scale=4, sample_type="nearest", num_args=2),
    case("UpSampling", IMAGE, IMAGE, scale=2, sample_type="nearest", num_args=2, multi_input_mode="sum"),
    *(case("UpSampling", scale=scale, sample_type="bilinear", num_filter=4, num_args=2) for scale in (2, 3)),
    case("add_n", IMAGE, IMAGE, IMAGE),
    case("batch_dot", (3, 4), (4, 2)),
    case("batch_dot", (4, 3), (2, 4), transpose_a=True, transpose_b=True),
    case("broadcast_axis", (4, 1, 1), axis=(2, 3), size=(3, 2)),
    case("broadcast_like", (4, 1, 1), IMAGE),
    case("broadcast_to", (4, 1, 1), shape=(0, 4, 3, 2)),
    case("clip", a_min=-0.5, a_max=1),
    case("col2im", (8, 9), output_size=(4, 4), kernel=(2, 2), dilate=(1, 1)),
    case("col2im", (36, 4), output_size=(4, 4), kernel=(3, 3), stride=(2, 2), pad=(1, 1)),
    case("depth_to_space", block_size=2),
    case("dot", ROW),
    case("dot", ROW, transpose_b=True),
    case("dot", (3, 5)),
    case("expand_dims", axis=2),
    case("expand_dims", axis=-1),
    case("hard_sigmoid"),
    case("hard_sigmoid", alpha=0.5, beta=0.3),
    case("im2col", kernel=(3, 2), stride=(2, 1), pad=(1, 0)),
    case("im2col", kernel=(2, 2), dilate=(2, 2)),
    *(case(name, **attributes) for name in ("max", "mean", "min", "prod", "sum") for attributes in
      [*REDUCTIONS, {"axis": (2,), "exclude": True}]),
    *(case("norm", **attributes) for attributes in REDUCTIONS),
    case("norm", ord=1, axis=1),
    case("one_hot", (), depth=4),
    case("one_hot", (2,), depth=3, on_value=2, off_value=-1),
    case("reshape_like", (4, 42), (4, 6, 7)),
    case("reverse", axis=(1, 3)),
    *(case(name, **attributes) for name in ("softmax", "log_softmax", "softmin")
      for attributes in ({}, {"axis": 1, "temperature": 2.5})),
    case("slice", begin=(None, 1, 2), end=(None, 3, None)),
    case("slice", begin=(None, None, None, 5), end=(None, None, -1, 1), step=(1, -1, 2, -2)),
    case("slice_axis", axis=1, begin=1, end=None),
    case("slice_axis", axis=-1, begin=-3, end=-1),
    case("slice_like", IMAGE, (3, 2, 6), axes=()),
    case("slice_like", IMAGE, (3, 2, 1), axes=(1, -2)),
    case("smooth_l1"),
    case("smooth_l1", scalar=1.5),
    case("space_to_depth", (4, 6, 4), block_size=2),
    case("squeeze", (1, 3, 1)),
    case("squeeze", (1, 3, 1), axis=-1),
    case("stack", IMAGE, IMAGE, num_args=2),
    case("stack", IMAGE, IMAGE, axis=2, num_args=2),
    case("transpose"),
    case("transpose", axes=(0, 3, 1, 2)),
    case("where", IMAGE, IMAGE, IMAGE),
    case("where", (), IMAGE, IMAGE),
]  # fmt: skip
