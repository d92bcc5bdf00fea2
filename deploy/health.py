"""What a container asks itself: is the web server alive? Ends with 0 or 1."""

import http.client
import sys

from deploy.start import WEB_PORT

TIMEOUT = 2  # seconds


def is_alive(*, port: int) -> bool:
    """Tell whether ``/livez`` answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_alive(port=WEB_PORT) else 1)
