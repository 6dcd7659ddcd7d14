"""The error tree: stable codes, one each."""

from identity_api.oidc import errors
from identity_api.oidc.errors import ProtocolError

BRANCHES = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, ProtocolError)]


def test_every_branch_has_its_own_code() -> None:
    codes = [branch.default_code for branch in BRANCHES]
    assert len(set(codes)) == len(codes) > 20
    assert all(code.replace("_", "").isalpha() and code.isupper() for code in codes)


def test_the_tree_at_the_top_of_the_file_names_every_branch() -> None:
    assert errors.__doc__ is not None
    assert all(f" {branch.__name__} " in f"{errors.__doc__} " for branch in BRANCHES)
