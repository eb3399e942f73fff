"""Whether Redis is fit for several nodes, for `plenum doctor`: it answers, takes keys, and passes messages on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Any, Final
from urllib.parse import urlsplit

from redis.exceptions import AuthenticationError, NoPermissionError, ReadOnlyError, RedisError, ResponseError

from server.cluster.node import CHANNEL
from server.cluster.redis import AWAY, RedisLink
from server.doctor import Finding

KEPT_SECONDS: Final = 10  # what is written here goes by itself
PATIENCE: Final = 5.0  # seconds for everything
SLOW_SECONDS: Final = 0.1
KEEPS_ALL: Final = "noeviction"  # the policy under which keys do not go before their time


async def check_redis(url: str) -> Finding:
    """Bounded in time, and leaves nothing behind. The address, which has a password in it, is not told."""
    parts = urlsplit(url)
    where = f"{parts.hostname or 'localhost'}, port {parts.port or 6379}"
    link = RedisLink(url)
    try:
        async with asyncio.timeout(PATIENCE):
            return await _examine(link, where)
    except AuthenticationError:
        return Finding("redis", "error", f"{where}: the password is not taken", "put it right in PLENUM_REDIS_URL")
    except NoPermissionError as error:
        remedy = "let its user PUBLISH and SUBSCRIBE, and read and write keys, of plenum:*"
        return Finding("redis", "error", f"{where}: {error}", remedy)
    except ReadOnlyError:
        return Finding(
            "redis", "error", f"{where} is a replica, which takes nothing", "name the primary in PLENUM_REDIS_URL"
        )
    except ResponseError as error:
        return Finding("redis", "error", f"{where}: {error}", "mend what it complains of: memory, disk or its settings")
    except AWAY as error:
        reason = "no answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        remedy = "start Redis, open its port to the nodes, and check PLENUM_REDIS_URL"
        return Finding("redis", "error", f"{where}: {reason}", remedy)
    finally:
        with contextlib.suppress(RedisError, OSError):
            await link.client.aclose()


async def _examine(link: RedisLink, where: str) -> Finding:
    began = time.monotonic()
    await _pass_on(link)
    seconds = time.monotonic() - began
    nodes = dict(await link.client.pubsub_numsub(link.key(CHANNEL))).get(link.key(CHANNEL).encode(), 0)
    policy = await _policy(link)
    if policy and policy != KEEPS_ALL:
        remedy = f"set maxmemory-policy {KEEPS_ALL}: the nodes' keys must live as long as they are meant to"
        return Finding("redis", "warning", f"{where} throws keys away when its memory is full ({policy})", remedy)
    if seconds > SLOW_SECONDS:
        remedy = "run it near the nodes, and on a machine that has time for it"
        return Finding("redis", "warning", f"{where} takes {seconds * 1000:.0f} ms for a few words", remedy)
    return Finding("redis", "ok", f"{where} takes keys and passes messages on; nodes that listen: {nodes}")


async def _pass_on(link: RedisLink) -> None:
    """A key is taken, and a message comes back. Raises one of `AWAY`."""
    name = link.key("doctor", secrets.token_hex(8))
    await link.client.set(name, b"", ex=KEPT_SECONDS)
    await link.client.delete(name)
    async with link.client.pubsub(ignore_subscribe_messages=True) as subscription:
        await subscription.subscribe(name)
        heard: dict[str, Any] | None = None
        published = False
        while heard is None:  # the caller's patience ends it
            heard = await subscription.get_message(timeout=0.2)
            if not published:  # after the first look the subscription stands
                await link.client.publish(name, b"?")
                published = True


async def _policy(link: RedisLink) -> str:
    """What is thrown away when its memory is full; "" if it may grow, or does not say."""
    with contextlib.suppress(NoPermissionError):
        memory: dict[str, Any] = await link.client.info("memory")
        return str(memory.get("maxmemory_policy", "")) if memory.get("maxmemory") else ""
    return ""
