"""A browser as light as can be: it keeps its connection, and reads what is answered."""

import http.client

WAITING: dict[tuple[int, str], http.client.HTTPConnection] = {}
"""The connections of browsers, by the server's port and their cookie, between two questions."""


def get(port: int, cookie: str, path: str, *, keep: bool = False, **headers: str) -> tuple[int, str]:
    """Ask as a browser does, over its last connection while the server leaves that open; with `keep`, leave it open, too."""
    connection = WAITING.pop((port, cookie), None) or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for last in (False, True):
            try:
                connection.request("GET", path, headers={"Cookie": cookie, **headers})
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except ConnectionError:
                connection.close()  # the next request opens it anew
                if last:
                    raise
        raise AssertionError
    finally:
        if keep:
            WAITING[port, cookie] = connection
        else:
            connection.close()
