"""When a condition holds: a part of the noise schedule."""

from dataclasses import dataclass

from comfy.model_patcher import ModelPatcher

from ....mirage_core import MirageError


@dataclass(frozen=True)
class SigmaWindow:
    """The noise levels from ``high`` down to ``low``, both included."""

    high: float
    low: float

    @classmethod
    def of(cls, model: ModelPatcher, start_percent: float, end_percent: float) -> "SigmaWindow":
        """The window of a model's own schedule between two shares of it, 0 = most noise, 1 = none.

        Raises:
            MirageError: it ends before it starts.
        """
        if not 0.0 <= start_percent <= end_percent <= 1.0:
            raise MirageError(
                f"start_percent, end_percent: must rise within 0 .. 1; got {start_percent:g} and {end_percent:g}."
            )
        sampling = model.get_model_object("model_sampling")
        high = sampling.percent_to_sigma(start_percent) if start_percent > 0 else float("inf")
        return cls(float(high), float(sampling.percent_to_sigma(end_percent)))

    def contains(self, sigma: float) -> bool:
        return self.low <= sigma <= self.high

    def holds(self, transformer_options: dict) -> bool:
        """Whether the forward pass with these options lies inside."""
        if self == ALWAYS:
            return True  # also saves waiting for the device
        return self.contains(float(transformer_options["sigmas"][0]))


ALWAYS = SigmaWindow(float("inf"), 0.0)
