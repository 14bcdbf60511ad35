"""The options and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import name_option
from extrapolate.experiments.modularity.scan.networks import HEADS, KINDS
from extrapolate.experiments.modularity.sequences.settings import SequenceSettings


@dataclass(frozen=True, kw_only=True)
class ScanSettings(SequenceSettings):
    """Published: Adam at 1e-3 for weights, at 1e-2 for masks."""

    network: str = name_option(
        f"The network: lstm, or transformer (a width that {HEADS} heads can share).", list(KINDS), "network"
    )


_PAPER = ScanSettings(
    network="lstm",
    width=200,
    layers=2,
    dropout=0.5,
    seeds=10,
    steps=25_000,
    rate=1e-3,
    mask_steps=25_000,
    mask_rate=1e-2,
    strength=3e-5,
    evaluate_every=1_000,
    batch=256,
    examined=10_000,
    device="cpu",
)

PRESETS: dict[str, ScanSettings] = {
    "smoke": replace(
        _PAPER,
        width=8,
        layers=1,
        dropout=0.0,
        seeds=1,
        steps=4,
        mask_steps=2,
        evaluate_every=4,
        batch=16,
        examined=20,
    ),
    "laptop": replace(
        _PAPER,
        width=128,
        layers=1,
        dropout=0.0,
        seeds=2,
        steps=5_000,
        rate=3e-3,
        mask_steps=2_500,
        mask_rate=3e-2,
        strength=3e-4,
        evaluate_every=500,
        batch=64,
    ),
    "paper": _PAPER,
}
