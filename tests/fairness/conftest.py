"""Other tests' requests, which may have ended a moment ago, are no neighbours here."""

import pytest

from identity_api.fairness import served


@pytest.fixture(autouse=True)
def _nobody_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "_latest", [served._NEVER, served._NEVER])
    monkeypatch.setattr(served, "LATELY_SECONDS", 0.0)
