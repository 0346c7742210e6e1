"""Every source of rows. To add one: write its file beside these, then name its class here."""

from typing import Annotated

from pydantic import Field

from tasks.data.sources.file import File
from tasks.data.sources.idx import Idx
from tasks.data.sources.sklearn import Sklearn
from tasks.data.sources.synthetic import Synthetic

AnySource = Annotated[File | Idx | Sklearn | Synthetic, Field(discriminator="kind")]
