"""The glossary knows every noun, and each word once."""

from __future__ import annotations

import inspect
import re

from tasks import records
from tasks.store import CHECKOUT

PAGE = (CHECKOUT / "docs" / "glossary.md").read_text()
WORDS = [word for word in re.findall(r"^\| (.+?) \|", PAGE, re.MULTILINE) if word not in ("word", "---")]
NOUNS = {name for name, found in inspect.getmembers(records, inspect.isclass) if found.__module__ == records.__name__}


def test_every_noun_is_explained_and_none_that_is_gone() -> None:
    assert {word.strip("`") for word in WORDS if word.startswith("`")} == NOUNS


def test_each_word_stands_once_on_one_line() -> None:
    assert len({word.lower() for word in WORDS}) == len(WORDS) > 40
    assert all(re.fullmatch(r"\| [^|]+ \| [^|]{10,} \|", line) for line in PAGE.splitlines()
               if line.startswith("| ") and not line.startswith(("| word", "| ---")))
