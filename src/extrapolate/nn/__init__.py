"""Units and layers: ordinary ``torch.nn.Module`` classes with constructors like torch's.

Arithmetic units map ``(..., in_features)`` to ``(..., out_features)``. Recurrent layers are called like
``torch.nn.LSTM``. Use ``LSTM``, ``GRU`` and ``RNN`` instead of torch's where ``vmap`` maps a model over replicas,
masks or samples: torch's have no ``vmap`` rule. Each module declares what a training loop must respect: a penalty, a
box for the weights, random numbers. :func:`penalty` and :func:`clamp_to_box_` collect these from a model.
"""

from extrapolate.nn._conv_encoder import ConvEncoder
from extrapolate.nn._encoder_decoder import (
    EncoderDecoder,
    LSTMEncoderDecoder,
    TiedTransformerEncoderDecoder,
    Tokens,
    TransformerEncoderDecoder,
)
from extrapolate.nn._mlp import MLP
from extrapolate.nn._pretrained import (
    list_pretrained,
    load_pretrained_config,
)
from extrapolate.nn.arithmetic._gnalu import GNALU
from extrapolate.nn.arithmetic._inalu import INALU
from extrapolate.nn.arithmetic._independent_nalu import IndependentNALU
from extrapolate.nn.arithmetic._mcfc import MCFC
from extrapolate.nn.arithmetic._mnac import MNAC
from extrapolate.nn.arithmetic._mul_mcfc import MulMCFC, MulMCFCSignINALU, MulMCFCSignRealNPU
from extrapolate.nn.arithmetic._nac import NAC, NACMul
from extrapolate.nn.arithmetic._nalu import NALU
from extrapolate.nn.arithmetic._nau import NAU
from extrapolate.nn.arithmetic._nmru import NMRU, GatedNMRU
from extrapolate.nn.arithmetic._nmu import NMU
from extrapolate.nn.arithmetic._norms import l1_norm
from extrapolate.nn.arithmetic._npu import NPU
from extrapolate.nn.arithmetic._nru import NRU, NRUSeparateSign
from extrapolate.nn.arithmetic._real_npu import ModifiedRealNPU, RealNPU
from extrapolate.nn.arithmetic._stochastic_nmu import BatchStochasticNMU, StochasticNMU
from extrapolate.nn.contract import (
    clamp_to_box_,
    penalty,
)
from extrapolate.nn.neural_gpu._diagonal_cell import DiagonalCGRU
from extrapolate.nn.neural_gpu._diagonal_neural_gpu import DiagonalNeuralGPU
from extrapolate.nn.neural_gpu._ensemble import NeuralGPUEnsemble
from extrapolate.nn.neural_gpu._neural_gpu import CGRU, NeuralGPU
from extrapolate.nn.recurrent._gilr import GILR
from extrapolate.nn.recurrent._gilr_lstm import GILRLSTM
from extrapolate.nn.recurrent._gru import GRU
from extrapolate.nn.recurrent._linear_rnn import LinearRecurrentLayer, LinearRNN
from extrapolate.nn.recurrent._lstm import LSTM
from extrapolate.nn.recurrent._qrnn import QRNN
from extrapolate.nn.recurrent._rnn import RNN
from extrapolate.nn.recurrent._sru import SRU
from extrapolate.nn.recurrent._ugrnn import UGRNN

__all__ = [  # noqa: RUF022  (grouped by purpose)
    # additive units
    "MCFC",
    "NAC",
    "NAU",
    # multiplicative units
    "BatchStochasticNMU",
    "MNAC",
    "MulMCFC",
    "MulMCFCSignINALU",
    "MulMCFCSignRealNPU",
    "NMU",
    "StochasticNMU",
    # multiplication and division
    "GatedNMRU",
    "ModifiedRealNPU",
    "NACMul",
    "NMRU",
    "NPU",
    "NRU",
    "NRUSeparateSign",
    "RealNPU",
    # all four operations
    "GNALU",
    "INALU",
    "IndependentNALU",
    "NALU",
    # recurrent, computed by a scan over time
    "GILR",
    "GILRLSTM",
    "LinearRNN",
    "LinearRecurrentLayer",
    "QRNN",
    "SRU",
    # recurrent, computed step by step
    "GRU",
    "LSTM",
    "RNN",
    "UGRNN",
    # sequence to sequence
    "EncoderDecoder",
    "LSTMEncoderDecoder",
    "TiedTransformerEncoderDecoder",
    "Tokens",
    "TransformerEncoderDecoder",
    # algorithms: a state with one position per symbol
    "CGRU",
    "DiagonalCGRU",
    "DiagonalNeuralGPU",
    "NeuralGPU",
    "NeuralGPUEnsemble",
    # a baseline and an image encoder
    "ConvEncoder",
    "MLP",
    # trained networks on disk
    "load_pretrained_config",
    "list_pretrained",
    # contract between a module and a training loop
    "clamp_to_box_",
    "l1_norm",
    "penalty",
]
