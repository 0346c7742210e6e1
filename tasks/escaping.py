"""Text that a page of somebody else's shows as it is: names of columns and labels come from whoever wrote the rows."""

from __future__ import annotations

import re

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#!])")


def plain(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> print(plain("a|b <script>"))
    a\|b \<script\>
    """
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))
