"""The self-test does not advise to run the self-test."""

import pytest

from identity_api.diagnostics import ALL, explain, explain_finding


@pytest.mark.parametrize(("language", "word"), [("en", "self-test"), ("de", "Selbsttest")])
@pytest.mark.parametrize("code", sorted(ALL))
def test_beside_the_self_test_every_code_has_another_remedy_than_the_self_test(
    code: str, language: str, word: str
) -> None:
    remedy = explain_finding(code, language).remedy
    assert remedy
    assert "self-test" not in remedy
    assert word not in remedy
    if word not in (whole := explain(code, language).remedy) and "self-test" not in whole:
        assert remedy == whole
