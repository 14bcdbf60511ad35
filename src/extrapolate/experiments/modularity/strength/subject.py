"""A network that adds and multiplies, and its masks at one of several strengths."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from torch import Tensor, nn

from extrapolate.experiments.modularity.add_mul.subject import AddMul
from extrapolate.experiments.modularity.subject import View, under
from extrapolate.experiments.modularity.tables import Line, table

if TYPE_CHECKING:
    from extrapolate.inspect import Mask


def title(strength: float) -> str:
    """A strength as it stands in results and on the page."""
    return f"β = {strength:g}"


@dataclass(frozen=True)
class Pressed(AddMul):
    """The settings' ``strength`` is the one of this part."""

    @property
    def name(self) -> str:
        return f"strength-{self.settings.strength:g}-seed-{self.seed}".replace(".", "_").replace("+", "")

    def asked(self, model: Callable[..., Tensor]) -> Iterator[dict[str, Any]]:
        for row in super().asked(model):
            yield row | {"range": title(self.settings.strength), "strength": self.settings.strength}

    def views(self, network: nn.Module, masks: "Mapping[str, Mask]") -> Iterator[View]:
        yield from under(network, masks)

    def further(self, masks: "Mapping[str, Mask]") -> dict[str, Any]:
        """What part of the addition's mask the multiplication's keeps too."""
        return {"shared": masks["add"].share(masks["mul"]).pooled}

    def page_tables(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """In place of a layer, the strength."""
        at = title(self.settings.strength)
        lines: list[Line] = []
        for row in rows.iter_rows(named=True):
            if row["unit"] in ("control", row["operation"]):
                lines.append(
                    ("accuracy by strength", f"{row['unit']}: {row['operation']}", at, row["accuracy"])
                )
        for row in rows.filter(operation="add").iter_rows(named=True):
            lines.append(("kept by strength", row["unit"], at, float(row["kept"])))
        lines.append(("share by strength", "add", at, rows["shared"][0]))
        return {"masks": table(lines)}
