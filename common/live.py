"""A word to the processes that hold open pages: somebody or something has news.

It is only a hint. Whoever hears it looks into the database, and looks there from time
to time anyway, so a hint that is lost or repeated costs nothing but seconds.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

GROUP = "live"
# A Redis that is frozen takes the bytes and stays silent.
PATIENCE = 1.0  # seconds


class LiveAway(Exception):
    """The hint did not get through; the text says why, for the log."""


def hint(*, user_ids: Sequence[int] = (), product_ids: Sequence[int] = ()) -> None:
    """Tell that users have news and that stocks of products moved.

    Called outside of transactions, after the commit. Raises ``LiveAway``.
    """
    message = {
        "type": "live.hint",
        "user_ids": list(user_ids),
        "product_ids": list(product_ids),
    }
    # A thread of its own: the caller's may be running an event loop already.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, _send(message)).result()


async def _send(message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    try:
        await asyncio.wait_for(layer.group_send(GROUP, message), PATIENCE)
    except (RedisError, OSError, TimeoutError) as error:
        raise LiveAway(f"{type(error).__name__}: {error}") from error
