"""Whoever cannot connect is told why, and what only another URL mends is not waited for."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from identity_api.db.database import Database
from identity_api.db.migrate import plan
from identity_api.errors import ConfigurationError, IdentityAPIError, Unavailable
from tests.upstream.certificates import issue

pytestmark = pytest.mark.asyncio


async def refusals(url: str) -> list[IdentityAPIError]:
    """What the pool and a migration say of that URL."""
    found = []
    for connecting in (Database(url).open(), plan(url)):
        with pytest.raises(IdentityAPIError) as caught:
            await connecting
        found.append(caught.value)
    return found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmode=always", "`sslmode` parameter must be one of"),
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "the file that sslrootcert names is missing"),
        ("sslmode=verify-full&sslrootcert=/", "the file that sslrootcert names is missing"),
        ("nowhere", "its host, its port or one of its parameters is not valid"),
    ],
)
async def test_a_url_with_which_no_database_is_reached_is_a_configuration_error(query: str, said: str) -> None:
    for error in await refusals(f"postgresql://app:secret@127.0.0.1:1/identity?{query}"):
        assert isinstance(error, ConfigurationError)
        assert error.message.startswith(f"IDENTITY_DATABASE_URL: {said}")
        assert "secret" not in error.message
        assert "nowhere" not in error.message


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/identity?host=127.0.0.1&port=99999", "its host, its port or one of its parameters is not valid"),
        ("a..b/identity", "its host, its port or one of its parameters is not valid"),
        ("se@cret@127.0.0.1:1/identity", "an @ in the username or the password is written %40"),
    ],
)
async def test_a_host_that_cannot_be_one_is_a_configuration_error(place: str, said: str) -> None:
    for error in await refusals(f"postgresql://app:secret@{place}"):
        assert isinstance(error, ConfigurationError)
        assert error.message == f"IDENTITY_DATABASE_URL: {said}"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("127.0.0.1:1/identity", "The database at 127.0.0.1:1 does not answer."),
        ("127.0.0.1:1/identity?passfile=/nowhere", "The database at 127.0.0.1:1 does not answer."),
        ("[::1]:1/identity", "The database at [::1]:1 does not answer."),
        ("127.0.0.1:1,127.0.0.1:2/identity", "The database at 127.0.0.1 does not answer."),
        ("/identity?host=/nowhere", "The database at the socket does not answer."),
        ("%2Fnowhere/identity", "The database at the socket does not answer."),
        ("/identity?host=127.0.0.1&port=1", "The database at 127.0.0.1:1 does not answer."),
        ("database.invalid/identity", "No host is known by the name of the database's, database.invalid."),
    ],
)
async def test_a_server_that_is_not_there_may_come(place: str, said: str) -> None:
    for error in await refusals(f"postgresql://app:secret@{place}"):
        assert isinstance(error, Unavailable)
        assert (error.code, error.message) == ("DATABASE_UNAVAILABLE", said)


async def test_what_the_server_refuses_is_told_in_its_words(database_url: str) -> None:
    for error in await refusals(database_url.replace("/identity?", "/nobody_made_it?")):
        assert isinstance(error, Unavailable)
        assert (
            error.message
            == 'The database at the socket refuses the connection: database "nobody_made_it" does not exist.'
        )


async def test_a_file_of_somebody_else_is_not_told_as_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_path: object) -> bool:
        raise PermissionError(13, "Permission denied")

    # Root may read everything; what a service in another's HOME meets is this.
    monkeypatch.setattr(Path, "exists", closed)
    monkeypatch.setattr(Path, "is_file", closed)
    for error in await refusals("postgresql://app:secret@127.0.0.1:1/identity"):
        assert isinstance(error, Unavailable)
        assert "not read a file that every connection looks for" in error.message


@pytest.mark.parametrize("query", ["sslrootcert={text}", "sslcert={text}", "sslcert={one}&sslkey={another}"])
async def test_a_file_that_is_no_certificate_or_key_is_told_as_one(tmp_path: Path, query: str) -> None:
    """Not as a server that does not speak TLS: that one may begin to."""
    (tmp_path / "text.pem").write_text("no certificate\n")
    for name in ("one", "another"):
        issue(name).save(tmp_path / f"{name}.pem")
    named = query.format(**{name: tmp_path / f"{name}.pem" for name in ("text", "one", "another")})
    for error in await refusals(f"postgresql://app@127.0.0.1:1/identity?sslmode=require&{named}"):
        assert isinstance(error, ConfigurationError)
        assert "holds no certificate or key in PEM" in error.message


@pytest_asyncio.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """Of a server that speaks TLS as PostgreSQL does, with a certificate of its own making."""
    certificate, authority = tmp_path / "server.pem", issue("authority")
    (tmp_path / "its.pem").write_text(authority.pem)
    (tmp_path / "another.pem").write_text(issue("another authority").pem)
    issue("server", by=authority, hosts=("localhost",)).save(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readexactly(8)  # SSLRequest
            writer.write(b"S")
            await writer.start_tls(context)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("trusted", "said"),
    [
        ("another.pem", "The certificate of the database at localhost:{} is not accepted: "),
        ("its.pem", "The database at localhost:{} does not answer."),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_named(port: int, tmp_path: Path, trusted: str, said: str) -> None:
    url = f"postgresql://app@localhost:{port}/identity?sslmode=verify-full&sslrootcert={tmp_path / trusted}"
    for error in await refusals(url):
        assert isinstance(error, Unavailable)
        assert error.message.startswith(said.format(port))
