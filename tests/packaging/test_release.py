"""What `make release-check` refuses, next to what it accepts."""

from pathlib import Path

import pytest

from tests import release


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of version 1.2.0 that can be released."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n## 1.2.0 (2026-12-01)\n\n- New.\n\n## 1.1.0\n\n- Old.\n"
    )
    chart = tmp_path / "deploy" / "helm" / "identity-api"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text('version: 1.2.0\nappVersion: "1.2.0"\n')
    (tmp_path / release.PREVIOUS_VERSION).parent.mkdir(parents=True)
    (tmp_path / release.PREVIOUS_VERSION).write_text("unreleased\n")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    release.run("git", "init", "--quiet", tmp_path)
    release.run("git", "-C", tmp_path, "add", "-A")
    release.run(
        "git", "-C", tmp_path, "-c", "user.name=n", "-c", "user.email=e@example.com", "commit", "--quiet", "-m", "all"
    )
    return tmp_path


def test_a_commit_with_everything_in_it_is_accepted(project: Path) -> None:
    release.check_changelog()
    release.check_chart()
    release.check_previous()
    release.check_commit()


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("## 1.2.0", "## 1.2.1", "has no section `## 1.2.0`"),
        ("## Unreleased\n", "## Unreleased\n\n- More.\n", "still has"),
    ],
)
def test_a_changelog_without_this_version_or_with_leftovers_is_refused(
    project: Path, before: str, after: str, sentence: str
) -> None:
    changelog = project / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace(before, after))
    with pytest.raises(release.NotReady, match=sentence):
        release.check_changelog()


def test_a_chart_of_another_version_is_refused(project: Path) -> None:
    chart = project / "deploy" / "helm" / "identity-api" / "Chart.yaml"
    chart.write_text('version: 1.1.0\nappVersion: "1.2.0"\n')
    with pytest.raises(release.NotReady, match=r"lacks the line `version: 1\.2\.0`"):
        release.check_chart()


def test_what_is_not_committed_and_a_version_that_exists_are_refused(project: Path) -> None:
    release.run("git", "-C", project, "tag", "v1.2.0")
    with pytest.raises(release.NotReady, match=r"The tag v1\.2\.0 exists"):
        release.check_commit()
    (project / "new").touch()
    with pytest.raises(release.NotReady, match="not committed: new"):
        release.check_commit()


def test_upgrades_are_tested_from_the_newest_release_of_the_minor_version_before(project: Path) -> None:
    for tag in ("v1.0.7", "v1.1.9", "v1.1.10", "v1.2.0", "v2.0.0", "nightly"):
        release.run("git", "-C", project, "tag", tag)
    with pytest.raises(release.NotReady, match=r"previous_version\.txt must say v1\.1\.10"):
        release.check_previous()
    (project / release.PREVIOUS_VERSION).write_text("v1.1.10\n")
    release.check_previous()


def test_a_schema_that_breaks_a_client_is_refused_unless_the_changelog_tells_of_it(project: Path) -> None:
    schema, changelog = project / "schema.graphql", project / "CHANGELOG.md"
    schema.write_text("type Query { a: Int b: Int }\n")
    release.run("git", "-C", project, "add", "-A")
    who = ("-c", "user.name=n", "-c", "user.email=e@example.com")
    release.run("git", "-C", project, *who, "commit", "--quiet", "-m", "schema")
    release.run("git", "-C", project, "tag", "v1.1.0")
    (project / release.PREVIOUS_VERSION).write_text("v1.1.0\n")
    schema.write_text("type Query { a: Int b: Int c: Int }\n")
    release.check_schema()
    schema.write_text("type Query { a: Int }\n")
    with pytest.raises(release.NotReady, match=r"Query\.b was removed"):
        release.check_schema()
    changelog.write_text(changelog.read_text().replace("- New.", "- Breaking: `b` is gone."))
    release.check_schema()
