"""Names of layers as names of Python: attributes of an nn.Module, and variables of its forward."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

__all__ = ["TAKEN", "identifiers"]

# The attributes that every nn.Module of PyTorch 2.13 has; a layer of such a name would replace one.
_OF_MODULES = """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
"""
_OF_THE_PROGRAM = "F argparse float image label latent load main nn self struct torch write_png x zlib"
TAKEN = frozenset([*_OF_MODULES.split(), *_OF_THE_PROGRAM.split()])


def identifiers(names: Iterable) -> dict:
    """{name: its name in Python}: itself where it can be, each once.

    >>> identifiers(["g1", "0-conv", "half"])
    {'g1': 'g1', '0-conv': 'layer_0_conv', 'half': 'layer_half'}
    """
    found: dict = {}
    taken = set(TAKEN)
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        if not plain[:1].isalpha() or plain in TAKEN or keyword.iskeyword(plain):
            plain = f"layer_{plain.lstrip('_')}"
        other, number = plain, 1
        while other in taken:
            number += 1
            other = f"{plain}_{number}"
        taken.add(other)
        found[name] = other
    return found
