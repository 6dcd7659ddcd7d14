"""The self-test does not advise to run the self-test."""

import pytest

from identity_api.diagnostics import ALL, explain, remedy_beside_self_test


@pytest.mark.parametrize("code", sorted(ALL))
def test_beside_the_self_test_every_code_has_another_remedy_than_the_self_test(code: str) -> None:
    remedy = remedy_beside_self_test(code)
    assert remedy
    assert "self-test" not in remedy
    if "self-test" not in explain(code).remedy:
        assert remedy == explain(code).remedy
