"""Every optimization technique.

To add one: write its file beside these with a class that extends `_base.Technique` (a `kind`, the forms it accepts,
what it yields, `apply`), then name the class here. `tests/contracts.py` finds it in the union.
"""

from typing import Annotated

from pydantic import Field

from tasks.optimization.techniques.distill import Distill
from tasks.optimization.techniques.keep import Keep
from tasks.optimization.techniques.prune import Prune
from tasks.optimization.techniques.quantize import Quantize
from tasks.optimization.techniques.trim import Trim

AnyTechnique = Annotated[Keep | Quantize | Prune | Distill | Trim, Field(discriminator="kind")]

__all__ = ["AnyTechnique", "Distill", "Keep", "Prune", "Quantize", "Trim"]
