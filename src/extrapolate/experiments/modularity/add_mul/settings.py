"""The presets."""

from extrapolate.experiments.modularity.dense import DenseSettings

PRESETS: dict[str, DenseSettings] = {
    "smoke": DenseSettings(
        hidden=(16, 16),
        seeds=1,
        steps=20,
        mask_steps=5,
        strength=1e-4,
        evaluate_every=10,
        batch=128,
        device="cpu",
    ),
    "laptop": DenseSettings(
        hidden=(400, 400, 200),
        seeds=2,
        steps=10_000,
        mask_steps=20_000,
        strength=1e-4,
        evaluate_every=1_000,
        batch=128,
        device="cpu",
    ),
    "paper": DenseSettings(
        hidden=(2000, 2000, 2000, 2000),
        seeds=10,
        steps=20_000,
        mask_steps=20_000,
        strength=1e-4,
        evaluate_every=1_000,
        batch=128,
        device="cpu",
    ),
}
