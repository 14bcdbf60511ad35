"""The time loops of :mod:`._gilr_lstm_fused`, compiled by numba: the part of a piece after its matrix products.

All arrays are float32 and contiguous. Gates are sigmoids; q, the sigmoid of 2 v, represents tanh(v) = 2 q - 1.
"""

from numba import njit


@njit(nogil=True, cache=True)
def surrogate(gates, states):
    """Compute states (B, S + 1, D) after row 0, the initial state, from gates (B, S, 2 D): 1 - g, then q."""
    width = states.shape[2]
    for n in range(gates.shape[0]):
        for t in range(gates.shape[1]):
            gate, q = gates[n, t, :width], gates[n, t, width:]
            before, after = states[n, t], states[n, t + 1]
            for d in range(width):
                after[d] = before[d] + gate[d] * (2 * q[d] - 1 - before[d])


@njit(nogil=True, cache=True)
def cell(gates, states, out):
    """Compute states as above, and out (B, S, D), from gates (B, S, 4 D): f, i, o, q.

    ``out`` may have any strides except along its last axis.
    """
    width = states.shape[2]
    for n in range(gates.shape[0]):
        for t in range(gates.shape[1]):
            row = gates[n, t]
            forget, enter, leave = row[:width], row[width : 2 * width], row[2 * width : 3 * width]
            q, before, after = row[3 * width :], states[n, t], states[n, t + 1]
            y = out[n, t]
            for d in range(width):
                c = forget[d] * before[d] + enter[d] * (2 * q[d] - 1)
                after[d] = c
                y[d] = leave[d] * c


@njit(nogil=True, cache=True)
def cell_adjoint(gates, states, error, carry):
    """Overwrite gates with the gradients of the sigmoids' arguments, and carry with that of the initial c.

    error (B, S, D): gradient of out; carry (B, D): gradient of the final c.
    """
    width = states.shape[2]
    for n in range(gates.shape[0]):
        total = carry[n]
        for t in range(gates.shape[1] - 1, -1, -1):
            row = gates[n, t]
            forget, enter, leave = row[:width], row[width : 2 * width], row[2 * width : 3 * width]
            q, before, after, g = row[3 * width :], states[n, t], states[n, t + 1], error[n, t]
            for d in range(width):
                f, i, o, p = forget[d], enter[d], leave[d], q[d]
                dc = total[d] + g[d] * o
                total[d] = f * dc
                forget[d] = dc * before[d] * f * (1 - f)
                enter[d] = dc * (2 * p - 1) * i * (1 - i)
                leave[d] = g[d] * after[d] * o * (1 - o)
                q[d] = dc * i * 2 * p * (1 - p)


@njit(nogil=True, cache=True)
def surrogate_adjoint(gates, states, error, carry):
    """Do the same as ``cell_adjoint`` for s. error (B, S, D): row t is the gradient of the state *before* step t."""
    width = states.shape[2]
    for n in range(gates.shape[0]):
        total = carry[n]
        for t in range(gates.shape[1] - 1, -1, -1):
            gate, q = gates[n, t, :width], gates[n, t, width:]
            before, g = states[n, t], error[n, t]
            for d in range(width):
                z, p, dh = gate[d], q[d], total[d]
                total[d] = dh * (1 - z) + g[d]
                gate[d] = dh * (2 * p - 1 - before[d]) * z * (1 - z)
                q[d] = dh * z * 2 * p * (1 - p)
