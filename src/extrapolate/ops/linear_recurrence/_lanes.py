"""Sixteen neighbouring channels in one step, written as vectors: numba's own loops do not vectorise downwards."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16


def _memory(context, builder, array_type):
    """load(array, index) and store(value, array, index) of sixteen elements, wherever they stand."""
    vector = ir.VectorType(context.get_data_type(array_type.dtype), LANES)
    align = context.get_abi_sizeof(vector.element)

    def pointer(array, index):
        data = context.make_array(array_type)(context, builder, array).data
        return builder.bitcast(cgutils.gep(builder, data, index), vector.as_pointer())

    def load(array, index):
        return builder.load(pointer(array, index), align=align, typ=vector)

    def store(value, array, index):
        builder.store(value, pointer(array, index), align=align)

    return load, store


@intrinsic
def step(typing_context, a, ia, b, ib, h, ih, carry, ic):
    """h = carry = a * carry + b: each an array and the index of its first channel."""

    def generate(context, builder, signature, args):
        a, ia, b, ib, h, ih, carry, ic = args
        load, store = _memory(context, builder, signature.args[0])
        product = builder.fmul(load(a, ia), load(carry, ic))
        state = builder.fadd(product, load(b, ib))
        store(state, carry, ic)
        store(state, h, ih)
        return context.get_dummy_value()

    return types.void(a, types.intp, b, types.intp, h, types.intp, carry, types.intp), generate


@intrinsic
def adjoint_step(typing_context, a, ia, g, ig, before, ip, da, db, ih, carry, ic):
    """db = carry + g; da = db * before; carry = a * db."""

    def generate(context, builder, signature, args):
        a, ia, g, ig, before, ip, da, db, ih, carry, ic = args
        load, store = _memory(context, builder, signature.args[0])
        total = builder.fadd(load(carry, ic), load(g, ig))
        product = builder.fmul(total, load(before, ip))
        kept = builder.fmul(load(a, ia), total)
        store(total, db, ih)
        store(product, da, ih)
        store(kept, carry, ic)
        return context.get_dummy_value()

    index = types.intp
    return types.void(a, index, g, index, before, index, da, db, index, carry, index), generate
