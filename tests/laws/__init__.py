"""The laws of plug-ins, as functions of a member: for `contracts.py`, and for the page that shows how to add one."""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{law}" for law in (
    "everyone", "families", "runtimes", "sources", "stage", "techniques")))
