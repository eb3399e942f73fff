"""Janus's video room: its configuration, its process, and its HTTP API as a publisher and viewers use it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import httpx

from bench.media import sdp
from bench.media.client import PATIENCE, Client
from bench.media.sdp import Remote

PORT: Final = 8088
ROOM: Final = 1
PLUGINS: Final = ("echotest", "streaming", "videocall", "sip", "nosip", "voicemail", "recordplay", "textroom", "audiobridge")
MORE_PLUGINS: Final = ("duktape", "lua")
TRANSPORTS: Final = ("websockets", "pfunix", "mqtt", "rabbitmq", "nanomsg")


def version() -> str:
    """Of the Janus that is installed; "" if there is none."""
    if shutil.which("janus") is None:
        return ""
    told = subprocess.run(("janus", "--version"), capture_output=True, text=True)
    found = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
    return found[0] if found else "unknown"


def configure(directory: Path, address: str, event_loops: int) -> None:
    """Writes configuration files: as Debian ships them, but with ICE-lite as ours has, one room, and only what is needed.
    `event_loops`: 0 is Janus's own default, a thread for each peer connection."""
    loops = f"event_loops = {event_loops}" if event_loops else ""
    plugins = ",".join(f"libjanus_{name}.so" for name in PLUGINS + MORE_PLUGINS)
    transports = ",".join(f"libjanus_{name}.so" for name in TRANSPORTS)
    (directory / "janus.jcfg").write_text(
        f"""general: {{ debug_level = 2; session_timeout = 0; {loops} }}
nat: {{ ice_lite = true; ice_tcp = false; ice_enforce_list = "{address}"; nice_debug = false }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
    )
    (directory / "janus.transport.http.jcfg").write_text(
        f'general: {{ json = "compact"; base_path = "/janus"; http = true; port = {PORT}; ip = "{address}" }}\n'
    )
    (directory / "janus.plugin.videoroom.jcfg").write_text(
        f"""room-{ROOM}: {{ description = "bench"; publishers = 1; bitrate = 0; fir_freq = 0; audiocodec = "opus"
 videocodec = "h264"; h264_profile = "42e01f"; audiolevel_ext = true; transport_wide_cc_ext = true; record = false }}
"""
    )


def start(directory: Path) -> subprocess.Popen[bytes]:
    """Starts Janus in the namespace that we are in; it ends when we do."""
    leash = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()
    with (directory / "janus.log").open("wb") as log:
        return subprocess.Popen(
            (*leash, "janus", "--configs-folder", str(directory)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
        )


class Signalling:
    """One session over HTTP for any number of handles: less than browsers would cost it."""

    def __init__(self, address: str) -> None:
        self._root = f"http://{address}:{PORT}/janus"
        self._http = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)
        self._session = ""
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._poller: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._session = f"{self._root}/{(await self._post(self._root, 'create'))['data']['id']}"
        self._poller = asyncio.create_task(self._poll())

    async def close(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        await self._http.aclose()

    async def publish(self, client: Client) -> Remote:
        offer = {"type": "offer", "sdp": sdp.offer(client.local, sends=True)}
        body = {"request": "joinandconfigure", "ptype": "publisher", "room": ROOM, "display": "bench"}
        event = await self._message(await self._attach(), body, offer)
        return sdp.read(event["jsep"]["sdp"])

    async def watch(self, client: Client) -> Remote:
        handle = await self._attach()
        feed = await self._feed(handle)
        body = {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": [{"feed": feed}]}
        event = await self._message(handle, body)
        remote = sdp.read(event["jsep"]["sdp"])
        answer = {"type": "answer", "sdp": sdp.answer(event["jsep"]["sdp"], client.local)}
        await self._message(handle, {"request": "start"}, answer)
        return remote

    async def _attach(self) -> str:
        reply = await self._post(self._session, "attach", plugin="janus.plugin.videoroom")
        return f"{self._session}/{reply['data']['id']}"

    async def _feed(self, handle: str) -> int:
        reply = await self._post(handle, "message", body={"request": "listparticipants", "room": ROOM})
        return int(reply["plugindata"]["data"]["participants"][0]["id"])

    async def _message(self, handle: str, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        transaction = secrets.token_hex(8)
        self._waiting[transaction] = future = asyncio.get_running_loop().create_future()
        extra = {"jsep": jsep} if jsep else {}
        await self._post(handle, "message", transaction=transaction, body=body, **extra)
        event: dict[str, Any] = await asyncio.wait_for(future, PATIENCE)
        if "error" in event["plugindata"]["data"]:
            raise ConnectionError(f"Janus: {event['plugindata']['data']['error']}")
        return event

    async def _post(self, url: str, what: str, transaction: str = "", **fields: object) -> dict[str, Any]:
        body = {"janus": what, "transaction": transaction or secrets.token_hex(8), **fields}
        reply: dict[str, Any] = (await self._http.post(url, json=body)).json()
        if reply["janus"] == "error":
            raise ConnectionError(f"Janus: {reply['error']['reason']}")
        return reply

    async def _poll(self) -> None:
        while True:
            with contextlib.suppress(httpx.TimeoutException):
                events = (await self._http.get(f"{self._session}?maxev=50")).json()
                for event in events if isinstance(events, list) else [events]:
                    future = self._waiting.pop(event.get("transaction", ""), None)
                    if future is not None and not future.done():
                        future.set_result(event)
