"""Sixteen neighbouring channels in one step, written as vectors: numba's own loops do not vectorise downwards.

The streamed steps write results as whole cache lines past the caches: a line need not be read before it is written,
which is a fourth less traffic where no cache could hold the result anyway. Their lines must be aligned, and
``arrived`` comes after the last.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16

#: Bytes of a cache line; sixteen elements are one or two of them.
LINE = 64


def _memory(context, builder, array_type, streamed):
    """load(array, index), store(value, array, index) and write, which is store or streams, of sixteen elements."""
    vector = ir.VectorType(context.get_data_type(array_type.dtype), LANES)
    align = context.get_abi_sizeof(vector.element)

    def pointer(array, index):
        data = context.make_array(array_type)(context, builder, array).data
        return builder.bitcast(cgutils.gep(builder, data, index), vector.as_pointer())

    def load(array, index):
        return builder.load(pointer(array, index), align=align, typ=vector)

    def store(value, array, index):
        builder.store(value, pointer(array, index), align=align)

    def stream(value, array, index):
        past_caches = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        builder.store(value, pointer(array, index), align=LINE).set_metadata("nontemporal", past_caches)

    return load, store, stream if streamed else store


def _step(a, ia, b, ib, h, ih, carry, ic, streamed):
    def generate(context, builder, signature, args):
        a, ia, b, ib, h, ih, carry, ic = args
        load, store, write = _memory(context, builder, signature.args[0], streamed)
        product = builder.fmul(load(a, ia), load(carry, ic))
        state = builder.fadd(product, load(b, ib))
        store(state, carry, ic)
        write(state, h, ih)
        return context.get_dummy_value()

    return types.void(a, types.intp, b, types.intp, h, types.intp, carry, types.intp), generate


def _adjoint_step(a, ia, g, ig, before, ip, da, db, ih, carry, ic, streamed):
    def generate(context, builder, signature, args):
        a, ia, g, ig, before, ip, da, db, ih, carry, ic = args
        load, store, write = _memory(context, builder, signature.args[0], streamed)
        total = builder.fadd(load(carry, ic), load(g, ig))
        product = builder.fmul(total, load(before, ip))
        kept = builder.fmul(load(a, ia), total)
        write(total, db, ih)
        write(product, da, ih)
        store(kept, carry, ic)
        return context.get_dummy_value()

    index = types.intp
    return types.void(a, index, g, index, before, index, da, db, index, carry, index), generate


@intrinsic
def step(typing_context, a, ia, b, ib, h, ih, carry, ic):
    """h = carry = a * carry + b: each an array and the index of its first channel."""
    return _step(a, ia, b, ib, h, ih, carry, ic, streamed=False)


@intrinsic
def streamed_step(typing_context, a, ia, b, ib, h, ih, carry, ic):
    """As ``step``; h goes past the caches."""
    return _step(a, ia, b, ib, h, ih, carry, ic, streamed=True)


@intrinsic
def adjoint_step(typing_context, a, ia, g, ig, before, ip, da, db, ih, carry, ic):
    """db = carry + g; da = db * before; carry = a * db."""
    return _adjoint_step(a, ia, g, ig, before, ip, da, db, ih, carry, ic, streamed=False)


@intrinsic
def streamed_adjoint_step(typing_context, a, ia, g, ig, before, ip, da, db, ih, carry, ic):
    """As ``adjoint_step``; da and db go past the caches."""
    return _adjoint_step(a, ia, g, ig, before, ip, da, db, ih, carry, ic, streamed=True)


@intrinsic
def arrived(typing_context):
    """Waits until all that was streamed is where other threads see it."""

    def generate(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate
