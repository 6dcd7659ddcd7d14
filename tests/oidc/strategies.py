"""What a hostile or odd provider may send, for property tests."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

on_a_shared_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The first draw of a text reads the Unicode tables, and the machine may be busy: time is not what is tested."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def objects(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any JSON values under the given names."""
    return st.dictionaries(st.sampled_from(names), json_values)
