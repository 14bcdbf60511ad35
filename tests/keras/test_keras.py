"""The units as Keras layers: same outputs as the modules, training by ``fit``, saving and loading."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

keras = pytest.importorskip("keras")

from extrapolate import keras as layers  # noqa: E402
from extrapolate import nn  # noqa: E402
from extrapolate.keras import NAU, NMU, StochasticNMU, UnitLayer  # noqa: E402

# a warning of Keras with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

UNITS = [name for name in layers.__all__ if name not in ("Box", "UnitLayer")]
X = np.random.default_rng(0).uniform(1, 2, (1024, 2)).astype(np.float32)


def compiled(layer: UnitLayer, optimizer: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile(optimizer, "mse")
    return model


def test_import_selects_the_torch_backend() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    code = "import extrapolate.keras, keras; print(keras.backend.backend())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["torch"]


def test_every_unit_is_a_layer() -> None:
    modules = {name for name in nn.__all__ if getattr(getattr(nn, name), "operations", None)}
    assert set(UNITS) == modules


@pytest.mark.parametrize("name", UNITS)
def test_layer_equals_the_module_and_its_config_rebuilds_it(name: str) -> None:
    layer = getattr(layers, name)(2)
    x = torch.rand(5, 3) + 0.5
    layer.build((None, 3))
    module = getattr(nn, name)(3, 2).eval()
    assert len(layer.weights) == len(list(module.parameters()))
    with torch.no_grad():
        for variable, parameter in zip(layer.weights, module.parameters(), strict=True):
            parameter.copy_(variable.value)
    torch.testing.assert_close(layer(x, training=False), module(x))
    assert layer.compute_output_shape((None, 7, 3)) == (None, 7, 2)
    assert tuple(layer(torch.rand(4, 7, 3) + 0.5).shape) == (4, 7, 2)
    layer = type(layer)(2, penalty_scale=0.5, name="mine")
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_weights_stay_in_their_box_and_the_penalty_is_part_of_the_loss() -> None:
    layer, x = NAU(1, penalty_scale=10.0), X[:64]
    model = compiled(layer, keras.optimizers.SGD(5.0))
    model.fit(x, x @ [[9.0], [-9.0]], epochs=3, verbose=0)
    assert np.abs(keras.ops.convert_to_numpy(layer.weights[0])).max() <= 1.0
    layer.weights[0].assign([[0.5, 0.25]])
    plain = keras.losses.mean_squared_error(x[:, 0] * 0, keras.ops.convert_to_numpy(model(x))[:, 0])
    assert model.evaluate(x, x[:, :1] * 0, batch_size=64, verbose=0) == pytest.approx(
        float(plain) + 10.0 * (0.5 + 0.25) / 2, rel=1e-4
    )


def test_noise_is_only_in_training_mode() -> None:
    layer = StochasticNMU(1, high=3.0)
    x = torch.rand(8, 2) + 1
    assert torch.equal(layer(x, training=False), layer(x, training=False))
    assert not torch.equal(layer(x, training=True), layer(x, training=True))
    assert StochasticNMU.from_config(layer.get_config()).high == 3.0


def test_saved_model_gives_the_same_output(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), NMU(3), NAU(1)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    actual, expected = (np.asarray(each.predict(X[:5], verbose=0)) for each in (loaded, model))
    np.testing.assert_array_equal(actual, expected)


def test_it_learns_to_multiply_and_extrapolates() -> None:
    model = compiled(NMU(1, penalty_scale=1.0), keras.optimizers.Adam(0.02))
    model.fit(X, X[:, :1] * X[:, 1:], epochs=12, batch_size=64, verbose=0)
    assert model(np.array([[1e3, 1e3]], np.float32)).item() == pytest.approx(1e6, rel=1e-3)


def test_unknown_number_of_inputs_is_refused() -> None:
    with pytest.raises(ValueError, match="number of inputs"):
        NMU(1).build((None, None))
