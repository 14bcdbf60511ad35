"""Random numbers as a pure function of (seed, stream, step): the published generator, the same on all devices."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import vmap

import reference
from extrapolate import ops
from extrapolate.ops.random import cpu
from extrapolate.ops.random import reference as definition

# Random123's known-answer file, threefry2x32 with 20 rounds: key, counter, result
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]

words = st.integers(-(2**63), 2**63 - 1)
keys = st.tuples(words, words, words)
shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple) | st.tuples(st.integers(0, 70))


def key(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


@pytest.mark.parametrize(("key_words", "counter", "answer"), KNOWN_ANSWERS)
def test_generator_gives_the_known_answers(
    key_words: tuple[int, int], counter: tuple[int, int], answer: tuple[int, int]
) -> None:
    (a, b), (c, d) = torch.tensor(key_words), torch.tensor(counter)
    assert tuple(each.item() for each in definition.threefry2x32((a, b), (c, d))) == answer
    assert reference.threefry2x32(key_words, counter) == answer


@given(key_words=keys, shape=shapes)
def test_numbers_are_the_generators_words_bit_for_bit(
    key_words: tuple[int, int, int], shape: tuple[int, ...]
) -> None:
    expected = reference.uniform(key_words, math.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(ops.uniform(key(*key_words), shape).numpy(), expected, strict=True)


@given(rows=st.lists(keys, min_size=1, max_size=5), count=st.integers(0, 70) | st.integers(0, 5000))
def test_kernel_equals_its_definition_bit_for_bit(rows: list[tuple[int, int, int]], count: int) -> None:
    fast = cpu.uniform(np.array(rows, np.int64), count)
    plain = definition.uniform(torch.tensor(rows), count).numpy()
    np.testing.assert_array_equal(fast, plain, strict=True)


@given(rows=st.lists(keys, min_size=1, max_size=6), shape=shapes, transposed=st.booleans())
def test_numbers_of_a_replica_do_not_depend_on_other_replicas(
    rows: list[tuple[int, int, int]], shape: tuple[int, ...], transposed: bool
) -> None:
    stacked = torch.tensor(rows).T.contiguous() if transposed else torch.tensor(rows)
    together = vmap(lambda k: ops.uniform(k, shape), in_dims=int(transposed))(stacked)
    alone = torch.stack([ops.uniform(key(*row), shape) for row in rows])
    assert torch.equal(together, alone)
    assert torch.equal(ops.uniform(torch.tensor(rows), shape), alone)


def test_nested_vmap_equals_each_key_alone() -> None:
    grid = torch.stack([torch.stack([key(i, 0, j) for j in range(3)]) for i in range(2)])
    together = vmap(vmap(lambda k: ops.uniform(k, (5,))))(grid)
    alone = torch.stack([ops.uniform(each, (5,)) for each in grid.view(6, 3)])
    assert torch.equal(together.view(6, 5), alone)


OTHER_KEYS = [(4, 4, 5), (3, 5, 5), (3, 4, 6), (4, 3, 5), (5, 4, 3)]


def test_other_seeds_streams_steps_and_indices_are_independent() -> None:
    n = 40_000
    base = ops.uniform(key(3, 4, 5), (n,)).numpy()
    others = {str(words): ops.uniform(key(*words), (n,)).numpy() for words in OTHER_KEYS}
    others |= {"next index": np.roll(base, 1), "other half": np.roll(base, n // 2)}
    for name, other in others.items():
        assert (base == other).mean() < 0.01, name
        assert abs(np.corrcoef(base, other)[0, 1]) < 6 / math.sqrt(n), name
        cells, _, _ = np.histogram2d(base, other, bins=8, range=[[0, 1], [0, 1]])
        chi_square = ((cells - n / 64) ** 2 / (n / 64)).sum()
        assert chi_square < 63 + 6 * math.sqrt(2 * 63), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(2,), (5, 3), (4, 0, 2), (2, 3, 7)])
def test_uniform_like_has_the_shape_and_dtype_of_the_tensor(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = torch.zeros(shape, dtype=dtype)
    numbers = ops.uniform_like(key(1, 0, 0), x)
    assert numbers.shape == shape
    assert numbers.dtype == dtype
    # in memory the last axis is the outermost
    expected = ops.uniform(key(1, 0, 0), (shape[-1], *shape[:-1])).to(dtype).movedim(0, -1)
    torch.testing.assert_close(numbers, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_uniform_like_stays_below_one_in_every_dtype(dtype: torch.dtype) -> None:
    numbers = ops.uniform_like(key(1, 0, 0), torch.zeros(100_000, 2, dtype=dtype))
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_devices_give_the_same_numbers(device: str) -> None:
    stacked = torch.stack([key(seed, 1, 9) for seed in range(4)])
    here = vmap(lambda k: ops.uniform(k, (33,)))(stacked)
    there = vmap(lambda k: ops.uniform(k, (33,)))(stacked.to(device))
    assert there.device.type == device
    assert torch.equal(there.cpu(), here)


def test_compiled_numbers_equal_eager_ones() -> None:
    def sample(k: Tensor) -> Tensor:
        return ops.uniform(k, (7, 5)) * 2

    torch.compiler.reset()
    stacked = torch.stack([key(seed, 1, 9) for seed in range(3)])
    assert torch.equal(torch.compile(sample, fullgraph=True)(stacked[0]), sample(stacked[0]))
    assert torch.equal(torch.compile(vmap(sample), fullgraph=True)(stacked), vmap(sample)(stacked))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((2,), torch.int64), ((4,), torch.int64), ((), torch.int64), ((3,), torch.int32), ((3,), torch.float32)],
)
def test_error_of_a_bad_key_names_its_shape_and_dtype(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    bad = torch.zeros(shape, dtype=dtype)
    with pytest.raises(ValueError, match="key must be an int64 tensor of shape") as caught:
        ops.uniform(bad, (2,))
    assert str(bad.dtype) in str(caught.value)
    assert str(tuple(bad.shape)) in str(caught.value)
