"""Every family of models.

To add one: write its file beside these with a class that extends `_base.Family` (a `kind`, the `form` it yields, the
space of its hyper-parameters and `fit`), then name the class here. `tests/contracts.py` finds it in the union.
"""

from typing import Annotated

from pydantic import Field

from tasks.training.families.boosting import Boosting
from tasks.training.families.cnn import Cnn
from tasks.training.families.constant import Constant
from tasks.training.families.forest import Forest
from tasks.training.families.linear import Linear
from tasks.training.families.mlp import Mlp

AnyFamily = Annotated[Linear | Forest | Boosting | Mlp | Cnn | Constant, Field(discriminator="kind")]

__all__ = ["AnyFamily", "Boosting", "Cnn", "Constant", "Forest", "Linear", "Mlp"]
