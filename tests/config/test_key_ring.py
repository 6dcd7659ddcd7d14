"""The key ring and its file (bad inputs 67, 68)."""

import base64
import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.config import KeyRing, create_keys_file, parse_key_ring, read_keys_file
from identity_api.errors import ConfigurationError

KEY = hashlib.sha256(b"a key").digest()  # the same in every test process, so that they collect the same tests
OTHER = hashlib.sha256(b"another key").digest()


def encoded(key):
    return base64.b64encode(key).decode()


def problems_of(make, *arguments):
    with pytest.raises(ConfigurationError) as refused:
        make(*arguments)
    return " ".join(refused.value.problems)


def test_the_first_key_is_the_current_one():
    ring = parse_key_ring(f"new:{encoded(OTHER)},old:{encoded(KEY)}")
    assert (ring.current_id, ring.ids, ring.get("old"), ring.get("none")) == ("new", ("new", "old"), KEY, None)


def test_both_base64_alphabets_are_read_with_or_without_padding():
    texts = [encoded(KEY), encoded(KEY).rstrip("="), base64.urlsafe_b64encode(KEY).decode()]
    assert {parse_key_ring(f"k:{text}").get("k") for text in texts} == {KEY}


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (b"", "has 0 bytes; 32 are needed"),
        (KEY[:31], "has 31 bytes; 32 are needed"),
        (KEY + b"x", "has 33 bytes; 32 are needed"),
        (b"changeme" * 4, "is not random"),
        (b"correct horse battery staple 123", "is not random"),
        (bytes(32), "is not random"),
        (bytes(range(8)) * 4, "is not random"),
    ],
)
def test_a_key_that_is_short_or_made_up_is_refused(key, problem):
    assert problem in problems_of(parse_key_ring, f"k:{encoded(key)}")


@pytest.mark.parametrize(
    "text",
    ["", "k", "changeme", ":" + "A" * 43, "k:***", "k:changeme", "k k:" + encoded(KEY), "k" * 33 + ":" + encoded(KEY),
     f"k:{encoded(KEY)},", f"k:{encoded(KEY)};l:{encoded(OTHER)}"],
)  # fmt: skip
def test_a_malformed_ring_is_refused(text):
    problems_of(parse_key_ring, text)


def test_an_id_used_twice_is_refused():
    assert "used twice" in problems_of(parse_key_ring, f"k:{encoded(KEY)},k:{encoded(OTHER)}")


def test_a_key_under_two_ids_is_refused():
    assert "repeats" in problems_of(parse_key_ring, f"k:{encoded(KEY)},l:{encoded(KEY)}")


def test_a_ring_shows_ids_only():
    assert repr(KeyRing([("k", KEY)])) == "<KeyRing k>"
    assert repr(KeyRing()) == "<KeyRing empty>"


def test_an_empty_ring_is_false_and_has_no_current_key():
    assert not KeyRing()
    with pytest.raises(ConfigurationError):
        _ = KeyRing().current_id


@given(st.text(max_size=60))
def test_problems_never_repeat_key_material(text):
    problem = problems_of(parse_key_ring, f"k:!{text}canary")
    assert "canary" not in problem


def test_a_new_keys_file_is_private_and_reads_back(tmp_path):
    path = tmp_path / "data" / "keys.toml"
    ring = create_keys_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keys_file(path) == ring
    assert len(ring.get(ring.current_id)) == 32
    assert os.listdir(path.parent) == ["keys.toml"]


def test_an_existing_keys_file_is_kept(tmp_path):
    assert create_keys_file(tmp_path / "keys.toml") == create_keys_file(tmp_path / "keys.toml")


def test_starts_at_the_same_time_agree_on_one_ring(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: create_keys_file(tmp_path / "keys.toml"), range(16)))
    assert all(ring == rings[0] for ring in rings)


def test_two_installations_have_different_keys(tmp_path):
    assert create_keys_file(tmp_path / "a.toml") != create_keys_file(tmp_path / "b.toml")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o666])
def test_a_keys_file_that_others_may_read_or_change_is_refused(tmp_path, mode):
    path = tmp_path / "keys.toml"
    create_keys_file(path)
    path.chmod(mode)
    assert "chmod 600" in problems_of(read_keys_file, path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_keys_file_is_read(tmp_path, mode):
    path = tmp_path / "keys.toml"
    ring = create_keys_file(path)
    path.chmod(mode)
    assert read_keys_file(path) == ring


def test_the_mark_that_windows_editors_put_before_a_keys_file_is_not_read(tmp_path):
    path = tmp_path / "keys.toml"
    ring = create_keys_file(path)
    path.write_bytes("\ufeff".encode() + path.read_bytes())
    assert read_keys_file(path) == ring


def test_a_group_may_read_a_keys_file_that_root_owns_and_no_other(tmp_path):
    """How orchestrators mount secrets; the rule of PostgreSQL's key files."""
    path = tmp_path / "keys.toml"
    ring = create_keys_file(path)
    path.chmod(0o640)
    if os.geteuid() != 0:
        assert "chmod 600" in problems_of(read_keys_file, path)
        return
    assert read_keys_file(path) == ring
    os.chown(path, 65_534, -1)
    assert "chmod 600" in problems_of(read_keys_file, path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"keys = ",
        b"keys = []",
        b"keys = 'canary'",
        b"[[keys]]\nid = 'a'",
        b"[[keys]]\nid = 'a'\nkey = 5",
        b"[[keys]]\nid = 'a'\nkey = 'canary'\nextra = 1",
        b"[[keys]]\nid = 'a'\nkey = 'canary'",
        b"[[keys]]\nid = 'a'\nkey = 'canary",
        b"other = 1",
        b"x" * 100_000,
    ],
)
def test_a_malformed_keys_file_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "keys.toml"
    path.touch(0o600)
    path.write_bytes(content)
    assert "canary" not in problems_of(read_keys_file, path)


def test_a_missing_keys_file_is_refused(tmp_path):
    assert "No such file" in problems_of(read_keys_file, tmp_path / "keys.toml")


def test_a_device_is_no_keys_file():
    assert "not a regular file" in problems_of(read_keys_file, Path(os.devnull))
