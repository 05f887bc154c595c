"""Vector code for Numba, in LLVM's language: a product of matrices, and transforms P X Pᵀ by constant matrices.

Numba itself cannot hold a block of results in registers. The product here does, and reaches the processor's peak. Each
routine works on vectors of LANES float32 numbers; LLVM makes of one as many registers as it needs. Addresses and
distances are int64: addresses in bytes, as `array.ctypes.data`, distances in numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable

import numba
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

__all__ = ["LANES", "block", "transform"]

LANES = 16
_SIZE = 4  # bytes of a number

_NUMBER, _INTEGER = ir.FloatType(), ir.IntType(64)
_VECTOR = ir.VectorType(_NUMBER, LANES)


def _has_wide_registers() -> bool:
    """Whether Numba compiles for AVX-512: its 32 registers hold a vector each."""
    asked = numba.config.CPU_FEATURES
    return "+avx512f" in asked.split(",") if asked else binding.get_host_cpu_features().get("avx512f", False)


# The 16 rows of a product, as groups whose results fit into the registers: of AVX2, 6 rows take 12 of 16.
_GROUPS = (16,) if _has_wide_registers() else (6, 6, 4)


def block(adds: bool = False):
    """An intrinsic: 16 rows and LANES columns of a matrix product, c[r, :] = Σₙ a[n, r] · b[n, :].

    Its arguments are the addresses of a, b and c, n, and the distance between rows of c; rows of a and b have LANES
    numbers and stand one after the other. With `adds` the sums are added to c.
    """
    products, first_rows = (
        [_product(rows, adds) for rows in _GROUPS],
        [sum(_GROUPS[:place]) for place in range(len(_GROUPS))],
    )

    def emit(context, builder, signature, values):
        first, second, target, count, distance = values
        for emit_product, row in zip(products, first_rows):
            down = builder.mul(builder.mul(_INTEGER(row), distance), _INTEGER(_SIZE))
            places = builder.add(first, _INTEGER(_SIZE * row)), second, builder.add(target, down)
            emit_product(context, builder, signature, [*places, count, distance])
        return context.get_dummy_value()

    @intrinsic
    def call(typing, first, second, target, count, distance):
        return types.void(*[types.intp] * 5), emit

    return call


def _product(rows: int, adds: bool) -> Callable:
    """The code generator of some rows of a block, whose results are held in registers."""

    def body(build, first, second, target, count, distance) -> None:
        first, second, target = (build.inttoptr(each, _NUMBER.as_pointer()) for each in (first, second, target))
        places = [build.gep(target, [build.mul(_INTEGER(row), distance)]) for row in range(rows)]
        begun = [_load(build, place) if adds else _constant(0) for place in places]
        entry, loop, end = build.block, *map(build.function.append_basic_block, ("loop", "end"))
        build.branch(loop)
        build.position_at_end(loop)
        done, left, right = build.phi(_INTEGER), build.phi(_NUMBER.as_pointer()), build.phi(_NUMBER.as_pointer())
        sums = [build.phi(_VECTOR) for _ in range(rows)]
        vector = _load(build, right)
        scalars = [build.load(build.gep(left, [_INTEGER(row)]), align=4) for row in range(rows)]
        added = [_fma(build, _spread(build, each), vector, total) for each, total in zip(scalars, sums)]
        now = build.add(done, _INTEGER(1))
        steps = [build.gep(place, [_INTEGER(LANES)]) for place in (left, right)]
        for phi, start, later in zip(
            [done, left, right, *sums], [_INTEGER(0), first, second, *begun], [now, *steps, *added]
        ):
            phi.add_incoming(start, entry)
            phi.add_incoming(later, loop)
        build.cbranch(build.icmp_signed("<", now, count), loop, end)
        build.position_at_end(end)
        for total, place in zip(added, places):
            _store(build, total, place)

    return _routine(f"mxgan_product_{rows}{'_added' * adds}", 5, body)


def transform(name: str, matrices: Mapping[int, Sequence[Sequence]], adds: bool = False):
    """An intrinsic: Y = P X Pᵀ by one of two constant matrices P (p, q), for LANES arrays X (q, q) at once.

    Its arguments are the key of P, the address of X and the distances between its rows and its columns, and the same of
    Y (p, p); each entry is a vector of LANES numbers. With `adds` the result is added to Y.
    """
    routines = {key: _transform(f"mxgan_{name}_{key}", matrix, adds) for key, matrix in matrices.items()}
    key, other = routines

    def emit(context, builder, signature, values):
        with builder.if_else(builder.icmp_signed("==", values[0], _INTEGER(key))) as (then, otherwise):
            for branch, which in ((then, key), (otherwise, other)):
                with branch:
                    routines[which](context, builder, signature, values[1:])
        return context.get_dummy_value()

    @intrinsic
    def call(typing, key, source, down, right, target, target_down, target_right):
        return types.void(*[types.intp] * 7), emit

    return call


def _transform(name: str, matrix: Sequence[Sequence], adds: bool) -> Callable:
    """The code generator of a transform by one matrix."""
    columns = range(len(matrix[0]))

    def body(build, source, down, right, target, target_down, target_right) -> None:
        source, target = (build.inttoptr(each, _NUMBER.as_pointer()) for each in (source, target))

        def place(base, row: int, column: int, rows, between):
            offset = build.add(build.mul(_INTEGER(row), rows), build.mul(_INTEGER(column), between))
            return build.gep(base, [offset])

        half = []  # half[column][row] of P X
        for column in columns:
            taken = [_load(build, place(source, row, column, down, right)) for row in columns]
            half.append([_combined(build, weights, taken) for weights in matrix])
        for row in range(len(matrix)):
            for column, weights in enumerate(matrix):
                made = _combined(build, weights, [each[row] for each in half])
                at = place(target, row, column, target_down, target_right)
                _store(build, build.fadd(made, _load(build, at)) if adds else made, at)

    return _routine(name, 6, body)


def _routine(name: str, arguments: int, body: Callable) -> Callable:
    """The code generator of an intrinsic that calls one routine, which stands in a compiled module once."""

    def emit(context, builder, signature, values):
        routine = builder.module.globals.get(name)
        if routine is None:
            routine = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [_INTEGER] * arguments), name)
            routine.linkage = "internal"
            routine.attributes.add("noinline")  # or it is compiled anew at every place that calls it
            build = ir.IRBuilder(routine.append_basic_block("entry"))
            body(build, *routine.args)
            build.ret_void()
        builder.call(routine, values)
        return context.get_dummy_value()

    return emit


def _combined(build, weights: Sequence, vectors: Sequence):
    """The sum of weighted vectors, in additions where a weight is 1 or -1."""
    terms = [(weight, vector) for weight, vector in zip(weights, vectors) if weight]
    terms.sort(key=lambda term: (abs(term[0]) != 1, term[0] < 0))
    (weight, vector), *others = terms
    total = vector if weight == 1 else build.fmul(_constant(weight), vector)
    for weight, vector in others:
        if abs(weight) == 1:
            total = (build.fadd if weight == 1 else build.fsub)(total, vector)
        else:
            total = _fma(build, _constant(weight), vector, total)
    return total


def _constant(value) -> ir.Constant:
    return ir.Constant(_VECTOR, [float(value)] * LANES)


def _spread(build, scalar):
    """A vector with the same number in each lane."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    one = build.insert_element(nothing, scalar, ir.IntType(32)(0))
    return build.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _fma(build, first, second, third):
    name = f"llvm.fma.v{LANES}f32"
    known = build.module.globals.get(name)
    return build.call(known or ir.Function(build.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), name),
                      [first, second, third])  # fmt: skip


def _load(build, place):
    return build.load(build.bitcast(place, _VECTOR.as_pointer()), align=4)


def _store(build, vector, place) -> None:
    build.store(vector, build.bitcast(place, _VECTOR.as_pointer()), align=4)
