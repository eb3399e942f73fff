"""GStreamer's `webrtcbin` (libnice, its own DTLS and RTP) as software that speaks WHIP and WHEP: nothing in it is ours or
aiortc's.

`/usr/bin/python3 gstreamer_client.py whip|whep URL TOKEN CODEC`, with the system's Python, which has GStreamer's bindings.
Says what happens in JSON, one object a line: `{"connected": true}`, `{"video": N, "audio": N}` as decoded buffers come. When
its standard input ends it deletes its resource, says `{"deleted": STATUS}` and ends.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.request
from typing import Any, Final
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

# What is sent or received in an m-line.
CAPS: Final = {
    "VP8": "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=96",
    "H264": "application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96,packetization-mode=(string)1",
    "OPUS": "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,encoding-params=(string)2,payload=97",
}
PICTURE: Final = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1 ! videoconvert"
SOUND: Final = "audiotestsrc is-live=true ! audioconvert ! audioresample"
# A key frame comes when it is asked for, and hardly ever otherwise.
ENCODERS: Final = {
    "VP8": "vp8enc deadline=1 keyframe-max-dist=10000 ! rtpvp8pay picture-id-mode=15-bit",
    "H264": "openh264enc gop-size=10000 ! h264parse ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
    "OPUS": "opusenc ! rtpopuspay",
}

DECODERS: Final = {
    "VP8": "rtpvp8depay ! vp8dec",
    "H264": "rtph264depay ! h264parse ! openh264dec",
    "OPUS": "rtpopusdepay ! opusdec",
}


def say(**what: object) -> None:
    """In one piece: GStreamer calls from several threads."""
    os.write(sys.stdout.fileno(), f"{json.dumps(what)}\n".encode())


class Client:
    """One connection. `purpose`: `whip` sends a picture and sound, `whep` receives them."""

    def __init__(self, purpose: str, url: str, token: str, codec: str) -> None:
        self._url, self._token = url, token
        self._location = ""
        self._counts = {"video": 0, "audio": 0}
        self._pipeline = Gst.Pipeline.new()
        self._webrtc = Gst.ElementFactory.make("webrtcbin")
        self._webrtc.props.bundle_policy = GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE
        self._webrtc.connect("notify::connection-state", self._on_state)
        self._webrtc.connect("pad-added", self._on_pad)
        self._webrtc.connect("on-negotiation-needed", self._on_negotiation_needed)
        self._pipeline.add(self._webrtc)
        self._pipeline.get_bus().add_signal_watch()
        self._pipeline.get_bus().connect("message::error", self._on_error)
        self._is_sender = purpose == "whip"
        for name in (codec, "OPUS"):
            self._add_source(name) if self._is_sender else self._add_receiver(name)

    def _add_source(self, codec: str) -> None:
        raw = SOUND if codec == "OPUS" else PICTURE
        source = Gst.parse_bin_from_description(f"{raw} ! {ENCODERS[codec]} ! capsfilter caps={CAPS[codec]}", True)
        self._pipeline.add(source)
        source.link(self._webrtc)

    def _add_receiver(self, codec: str) -> None:
        direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        self._webrtc.emit("add-transceiver", direction, Gst.Caps.from_string(CAPS[codec]))

    def start(self) -> None:
        self._pipeline.set_state(Gst.State.PLAYING)

    def stop(self) -> None:
        if self._location:
            with self._ask("DELETE", self._location) as answer:
                say(deleted=answer.status)
        self._pipeline.set_state(Gst.State.NULL)

    def _on_negotiation_needed(self, webrtc: Any) -> None:
        if self._is_sender:
            for index in range(2):
                webrtc.emit("get-transceiver", index).props.direction = GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY
        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._on_offer))

    def _on_offer(self, promise: Any) -> None:
        """The answer carries all candidates and the server finds ours by our checks: nothing has to be gathered first."""
        reply = promise.get_reply()  # which owns the offer
        offer = reply.get_value("offer")
        self._webrtc.emit("set-local-description", offer, Gst.Promise.new())
        with self._ask("POST", self._url, offer.sdp.as_text()) as answer:
            self._location = urljoin(self._url, answer.headers["Location"])
            _, sdp = GstSdp.SDPMessage.new_from_text(answer.read().decode())
        remote = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self._webrtc.emit("set-remote-description", remote, Gst.Promise.new())

    def _ask(self, method: str, url: str, body: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/sdp"}
        return urllib.request.urlopen(urllib.request.Request(url, body.encode() or None, headers, method=method))

    def _on_state(self, webrtc: Any, _: object) -> None:
        if webrtc.props.connection_state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            say(connected=True)

    def _on_pad(self, _: object, pad: Any) -> None:
        """What comes is decoded, and then counted."""
        if pad.direction != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps().get_structure(0)
        kind, decoder = caps.get_string("media"), DECODERS[caps.get_string("encoding-name")]
        sink = Gst.parse_bin_from_description(f"queue ! {decoder} ! fakesink name=end signal-handoffs=true", True)
        sink.get_by_name("end").connect("handoff", self._on_buffer, kind)
        self._pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def _on_buffer(self, _: object, buffer: object, pad: object, kind: str) -> None:
        self._counts[kind] += 1
        say(**self._counts)

    def _on_error(self, _: object, message: Any) -> None:
        error, details = message.parse_error()
        say(error=f"{error.message}: {details}")


def main() -> None:
    Gst.init(None)
    client = Client(*sys.argv[1:5])
    loop = GLib.MainLoop()

    def wait() -> None:
        sys.stdin.read()
        loop.quit()

    threading.Thread(target=wait, daemon=True).start()
    client.start()
    loop.run()
    client.stop()


if __name__ == "__main__":
    main()
