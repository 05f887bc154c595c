"""The operators and attribute values that are allowed in a symbol file."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Optional

__all__ = ["OPERATORS", "FileFault", "attributes_of", "quoted"]

_NAMES = """
    Activation BatchNorm Convolution Deconvolution Dropout Embedding FullyConnected GroupNorm InstanceNorm
    L2Normalization LRN LayerNorm LeakyReLU Pad Pooling SoftmaxActivation UpSampling pad
    Cast Concat Crop Flatten Reshape SliceChannel SwapAxis broadcast_axes broadcast_axis broadcast_like broadcast_to
    cast col2im concat depth_to_space expand_dims flatten flip im2col one_hot reshape reshape_like reverse slice
    slice_axis slice_like space_to_depth split squeeze stack swapaxes transpose where
    BlockGrad LinearRegressionOutput LogisticRegressionOutput MAERegressionOutput MakeLoss Softmax SoftmaxOutput
    _copy identity make_loss ones_like softmax_cross_entropy stop_gradient zeros_like
    abs ceil clip cos erf exp expm1 floor hard_sigmoid log log10 log1p log2 log_softmax logical_not negative reciprocal
    relu rint round rsqrt sigmoid sign sin smooth_l1 softmax softmin softsign sqrt square tanh
    ElementWiseSum add_n batch_dot dot elemwise_add elemwise_div elemwise_mul elemwise_sub
    max max_axis mean min min_axis norm prod sum sum_axis
    broadcast_add broadcast_div broadcast_equal broadcast_greater broadcast_greater_equal broadcast_lesser
    broadcast_lesser_equal broadcast_maximum broadcast_minimum broadcast_minus broadcast_mul broadcast_not_equal
    broadcast_plus broadcast_power broadcast_sub
    _add _div _equal _greater _greater_equal _lesser _lesser_equal _maximum _minimum _minus _mul _not_equal _plus
    _power _sub _Div _Maximum _Minimum _Minus _Mul _Plus _Power
    _div_scalar _equal_scalar _greater_equal_scalar _greater_scalar _lesser_equal_scalar _lesser_scalar
    _maximum_scalar _minimum_scalar _minus_scalar _mul_scalar _not_equal_scalar _plus_scalar _power_scalar
    _rdiv_scalar _rminus_scalar _rpower_scalar
    _DivScalar _MaximumScalar _MinimumScalar _MinusScalar _MulScalar _PlusScalar _PowerScalar _RDivScalar
    _RMinusScalar _RPowerScalar
"""
# Operators for networks that depend on their inputs only. Left out, among others: _Native, _NDArray and Custom, which
# call code by an address or a name in the file; _cvimread, which opens files; control flow and _subgraph*, which
# contain further graphs; random number operators; _contrib_*.
OPERATORS = frozenset(_NAMES.split())

LONGEST_VALUE = 1024
LARGEST = 2**31 - 1  # limit of an integer, and of the product of the sizes in a value: the most that MXNet can index
_SIZE, _PADDING, _AXIS, _ANY = (1, 2**15), (0, 2**15), (-64, 64), (-LARGEST - 1, LARGEST)
# Attributes that are whole numbers, alone or in a tuple that may also hold None. Before MXNet checks the numbers, it
# divides by some of them, and creates as many names as others say.
_NUMBERS = {
    **dict.fromkeys(("kernel", "stride", "dilate"), _SIZE),
    **dict.fromkeys(("scale", "block_size", "num_outputs"), (1, 2**10)),
    **dict.fromkeys(("num_group", "num_groups", "nsize", "depth", "input_dim", "output_dim"), (1, 2**24)),
    **dict.fromkeys(("num_filter", "num_hidden", "workspace"), (0, 2**24)),
    **dict.fromkeys(("pad", "adj", "pad_width", "target_shape", "h_w", "offset", "output_size"), _PADDING),
    **dict.fromkeys(("axis", "axes", "dim", "dim1", "dim2", "lhs_axes", "rhs_axes"), _AXIS),
    **dict.fromkeys(("lhs_begin", "lhs_end", "rhs_begin", "rhs_end"), _AXIS),
    **dict.fromkeys(("begin", "end", "step"), _ANY),
    "num_args": (1, 2**10),
    "ord": (1, 2),
    "p_value": (1, 3),
    "shape": (-4, LARGEST),
    "size": (0, LARGEST),
}
_NUMBERS_FORM = r"[(\[]? ?(?:(?:-?\d{1,10}L?|None)(?:, ?|(?= ?[)\]]?$))){0,64} ?[)\]]?"  # Python 2 wrote "3L"
# MXNet ends the process if a switch is None.
_SWITCHES = (
    "center_crop count_include_pad cudnn_off exclude fix_gamma flatten global_pool is_int keep_highest keepdims "
    "multi_output no_bias out_grad output_mean_var preserve_shape reverse sparse_grad squeeze_axis transpose_a "
    "transpose_b use_global_stats use_ignore use_length"
)
_WORDS = (
    "act_type cudnn_tune dtype forward_stype layout mode multi_input_mode normalization out_dtype pool_type "
    "pooling_convention sample_type"
)
_FLOATS = (
    "a_max a_min alpha beta constant_value eps grad_scale ignore_label knorm lower_bound momentum off_value on_value p "
    "scalar slope smooth_alpha temperature upper_bound valid_thresh"
)
_FLOAT = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_INITIALIZERS = {
    "bilinear", "constant", "msraprelu", "normal", "one", "ones", "orthogonal", "uniform", "xavier", "zero", "zeros",
}  # fmt: skip

# Attributes that MXNet reads, not the operator, and the pattern of the full value. Files before 0.9 have no __.
_HIDDEN = {
    "__ctx_group__": r"[\w.-]*",
    "__dtype__": r"-1|\d|1[0-2]",
    "__force_mirroring__": r"True|False|true|false|0|1",
    "__init__": "",  # see _is_initializer
    "__layout__": r"\w*",
    "__lr_mult__": _FLOAT,
    "__mirror_stage__": r"True|False|true|false|\d{1,9}",
    "__profiler_scope__": r"[\w<>:./-]*",
    "__shape__": r"[(\[]( ?-?\d{1,10}L?,?){0,32} ?[)\]]|None",
    "__storage_type__": r"-1|0",
    "__wd_mult__": _FLOAT,
}
_FORMS = {
    **_HIDDEN,
    **dict.fromkeys(_NUMBERS, _NUMBERS_FORM),
    **dict.fromkeys(_SWITCHES.split(), r"True|False|true|false|0|1"),
    **dict.fromkeys(_WORDS.split(), r"\w{1,32}"),
    **dict.fromkeys(_FLOATS.split(), rf"{_FLOAT}|-?inf|nan|None"),
}
_OLD_HIDDEN = ("ctx_group", "force_mirroring", "lr_mult", "mirror_stage", "wd_mult")


class FileFault(Exception):
    """A fault in a file, raised by code that does not know the path; `offset` is the byte, None if unknown."""

    def __init__(self, problem: str, offset: Optional[int] = None) -> None:
        super().__init__(problem)
        self.offset = offset


def quoted(value: Any) -> str:
    """A value from a file for a message: on one line, without control characters, at most 60 characters."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def attributes_of(given: dict, inputs: int) -> tuple:
    """({attribute: value}, {(input's name, attribute): value}) of a node with `inputs` inputs, in MXNet 1.9's names.

    The second dict has the attributes of inputs that old files write at the layer, for example ``weight_lr_mult``.

    Raises
    ------
    FileFault : a value that is not text, or that this attribute cannot have.
    """
    own, of_inputs = {}, {}
    for key, value in given.items():
        if not isinstance(value, str) or len(value) > LONGEST_VALUE or not (value.isascii() and value.isprintable()):
            raise FileFault(
                f"has the attribute {quoted(key)} {quoted(value)}, not a text of at most {LONGEST_VALUE} characters"
            )
        old = next((name for name in _OLD_HIDDEN if key == name or key.endswith(f"_{name}")), None)
        hidden = f"__{old}__" if old else key
        # UpSampling does not count its weight as an input, and gives it a copy of its own attributes.
        uncounted = hidden == "num_args" and value == "1" and given.get("sample_type") == "bilinear"
        if not uncounted and not _is_allowed(hidden, value, inputs):
            raise FileFault(f"has the attribute {quoted(key)} {quoted(value)}, which is not accepted from a file")
        if old and key != old:
            of_inputs[key[: -len(old) - 1], hidden] = value
        else:
            own[hidden] = value
    return own, of_inputs


def _is_allowed(key: str, value: str, inputs: int) -> bool:
    if key == "__init__":
        return _is_initializer(value)
    if key not in _FORMS or not re.fullmatch(_FORMS[key], value, re.ASCII):
        return False
    if key not in _NUMBERS:
        return True
    numbers, (low, high) = [int(digits) for digits in re.findall(r"-?\d+", value)], _NUMBERS[key]
    if key == "num_args" and numbers != [inputs]:  # MXNet would add an input for each missing one
        return False
    product = math.prod(abs(number) or 1 for number in numbers)
    return all(low <= number <= high for number in numbers) and (product <= LARGEST or (low, high) == _ANY)


def _is_initializer(value: str) -> bool:
    """Whether the text names a plain initialiser of MXNet for Module.init_params: '["normal", {"sigma": 1}]'."""
    try:
        parsed = json.loads(value)
        name, settings = parsed if isinstance(parsed, list) else (parsed, {})
        plain = all(isinstance(setting, (int, float, str, bool)) for setting in settings.values())
        return name.lower() in _INITIALIZERS and plain
    except (ValueError, TypeError, AttributeError, RecursionError):
        return re.fullmatch(r"\w{0,32}", value, re.ASCII) is not None and value.lower() in {*_INITIALIZERS, ""}
