"""TLS in front of a server, ended by OpenSSL's own handshake: whoever is refused gets the alert that says why.

asyncio's servers drop such a connection without a word, which common servers do not; so a test of what a provider says
of our certificate needs this. One thread for each connection.
"""

import select
import socket
import ssl
import threading

_CHUNK = 65_536
_SECONDS = 20


class TLSFront:
    """Accepts on `listener`, and carries what is inside the TLS to and from a port of this machine."""

    def __init__(self, context: ssl.SSLContext, target_port: int, listener: socket.socket | None = None) -> None:
        self._context, self._target_port = context, target_port
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"tls-{self.port}", daemon=True).start()

    def stop(self) -> None:
        """No more connections; those there are end by themselves."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_SECONDS)
        # Nagle's wait would hold the second half of an answer back.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        try:
            tls.do_handshake()
            with socket.create_connection(("127.0.0.1", self._target_port)) as inner:
                _relay(tls, inner)
        except OSError:
            _end_after_refusal(tls)
        finally:
            tls.close()


def _relay(tls: ssl.SSLSocket, inner: socket.socket) -> None:
    while True:
        ready: list[socket.socket] = [tls] if tls.pending() else select.select([tls, inner], [], [], _SECONDS)[0]
        if not ready:
            return
        for source, target in ((tls, inner), (inner, tls)):
            if source in ready:
                data = source.recv(_CHUNK)
                if not data:
                    return
                target.sendall(data)


def _end_after_refusal(tls: ssl.SSLSocket) -> None:
    """Closing with something unread would reset the connection, and the alert might be lost on its way."""
    raw = socket.socket(fileno=tls.detach()) if tls.fileno() >= 0 else None
    if raw is None:
        return
    try:
        raw.settimeout(_SECONDS)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(_CHUNK):
            pass
    except OSError:
        pass
    finally:
        raw.close()
