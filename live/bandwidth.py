"""How much a viewer's path takes: the estimate by which layers are chosen. Send-side congestion control after
draft-ietf-rmcat-gcc-02, fed by transport-wide feedback. Pure: no I/O, the time is handed in. Neighbours: `sent`, `delay`,
`loss` and `probing` are its parts; `estimate` has the other one, for viewers without such feedback; `allocation` spends it.

Times are monotonic seconds, sizes octets, rates bit/s.
"""

from __future__ import annotations

from array import array
from typing import Final

from live.delay import DelayTrend, Signal
from live.estimate import CEILING, FLOOR, GROWTH, START, smoothed
from live.loss import Losses
from live.probing import Probing
from live.sent import MASK, SentPackets, Told
from live.transport_cc import TransportFeedback

BACK_OFF: Final = 0.85  # of what was acknowledged, after overuse
LEAST_BACK_OFF: Final = 0.5  # of it, while a long queue drains
HEADROOM: Final = 1.5  # the estimate does not grow beyond this much of what is acknowledged: nothing tested more
CALM: Final = 2.0  # seconds after a cut in which a queue may still hide
PROBE_STEP: Final = 2.0  # of the estimate is tried
PROBE_MARGIN: Final = 1.25  # of the capacity, once overuse has shown it
PROBE_ECHO: Final = 0.8  # seconds after a probe in which the acknowledged rate still holds its padding
PACKET: Final = 1200  # octets: near the capacity the estimate grows by half a packet a round trip
IDLE: Final = 1.0  # seconds without a packet to the viewer
OVERSPENT: Final = 0.1  # seconds for which what was chosen stands, even if it is more than the estimate
SILENCE: Final = 0.5  # seconds and two round trips without feedback while packets are under way: an outage


class AcknowledgedRate:
    """What arrives, by the viewer's clock: `short` over the last 100 ms, `long` smoothed over about 400 ms."""

    __slots__ = ("_before", "_octets", "_since", "long", "short")

    def __init__(self) -> None:
        self.long = self.short = self._before = 0.0
        self._octets = 0
        self._since = float("-inf")

    def add(self, octets: int, arrived: float) -> None:
        span = arrived - self._since
        if not -1 < span < 1:  # nothing was sent meanwhile
            self._since, self._octets = arrived, 0
            return
        self._octets += octets
        if span < 0.1:
            return
        self._before, self.short = self.short, self._octets * 8 / span
        self.long += (self.short - self.long) * (min(1.0, span / 0.4) if self.long else 1.0)
        self._since, self._octets = arrived, 0

    @property
    def after_overuse(self) -> float:
        """While a queue stands, what arrives is what the path takes: the newest counts, and the one before, for packets
        come in bursts."""
        return max(self.short, (self.short + self._before) / 2, self.long / 2)


class Estimator:
    """`wanted` is what all that the viewer watches would take: more is never tried out. `rtt` is 0 while unknown. Until the
    first feedback the estimate is `START`. `packets` holds the rings into which the forwarder writes what it sends.
    `told_at`: when feedback last came, whatever it said."""

    __slots__ = (
        "_acknowledged",
        "_capacity",
        "_cut_at",
        "_delay",
        "_heard_at",
        "_losses",
        "_media",
        "_probing",
        "_rate",
        "_resume",
        "_silenced",
        "_spent",
        "_spent_at",
        "_updated_at",
        "_waiting_since",
        "packets",
        "rtt",
        "sent",
        "told_at",
        "wanted",
    )

    def __init__(self) -> None:
        self.packets = SentPackets()
        self.sent = self.packets.sent
        self._delay, self._losses, self._probing = DelayTrend(), Losses(), Probing()
        self._acknowledged = AcknowledgedRate()
        self._rate = float(START)
        self._media = 0.0  # what arrives when there is no padding
        self._capacity = 0.0  # where overuse was last seen; 0: not known
        self._resume = 0.0  # the rate to go back to once the queue has drained; 0: none
        self._silenced = 0.0  # the rate before an outage; 0: there is none
        self._cut_at = self._updated_at = self._heard_at = float("-inf")
        self._spent, self._spent_at = 0.0, float("-inf")
        self.told_at = float("-inf")
        self._waiting_since = float("inf")
        self.rtt = 0.0
        self.wanted = float(CEILING)

    @property
    def estimate(self) -> int:
        return int(self._rate)

    @property
    def is_silenced(self) -> bool:
        """An outage: feedback stays away."""
        return self._silenced > 0

    @property
    def queue(self) -> float:
        """Seconds that packets seem to wait on the path."""
        return self._delay.queue

    @property
    def sizes(self) -> array[int]:
        return self.packets.sizes

    @property
    def times(self) -> array[float]:
        return self.packets.times

    def number(self, newest: int) -> None:
        """The sequence number sent last, by who writes into the rings directly: to be told before feedback, and `probe`."""
        self.packets.newest = newest

    # --- what is heard ---

    def acknowledge(self, feedback: TransportFeedback, now: float) -> None:
        self.take(self.packets.take(feedback), now)

    def take(self, told: Told, now: float) -> None:
        """What feedback says of `packets`."""
        self.told_at = now
        if not told.came and not told.lost:
            return
        self._heard_at = self._waiting_since = now
        if told.came:
            self.round_trip(now - told.sent_at)
            self._acknowledged.add(told.octets, told.arrived)
        for window in told.windows:
            self._delay.add(window.first_sent, window.delay)
            if self._probing.is_running:
                self._probing.came(window.first_sent, window.last_sent, window.arrived, window.octets)
        if self._silenced:
            if told.came:
                self._end_outage(now)
            return
        self._losses.told(told.came, told.lost, now)
        self._probing.told(told.came, told.lost)
        self._decide(now)

    def loss(self, fraction: float, now: float) -> None:
        """From a receiver report: counts only if the viewer's transport-wide feedback stays away."""
        if now - self._heard_at > 2 and self._heard_at > 0:
            self._losses.told(round(100 * (1 - fraction)), round(100 * fraction), now)
            self._cut_for_loss(now)

    def remb(self, bitrate: int, now: float) -> None:
        """Says no more than the feedback does."""

    def round_trip(self, seconds: float) -> None:
        self.rtt = smoothed(self.rtt, seconds)

    # --- what is spent ---

    def spend(self, bitrate: float, now: float) -> None:
        """What was chosen `now` takes so much."""
        self._spent, self._spent_at = bitrate, now

    def is_overspent(self, now: float) -> bool:
        """Whether that is more than the path takes: time to choose again."""
        return self.estimate < self._spent and now - self._spent_at >= OVERSPENT

    # --- what follows ---

    def _decide(self, now: float) -> None:
        step = min(now - self._updated_at, 0.25)
        self._updated_at = now
        signal = self._delay.signal
        if self._probing.is_running:
            self._judge_probe(signal, now)
            return
        if now - self._probing.ended_at > PROBE_ECHO:
            self._media = self._acknowledged.long
        if self._cut_for_loss(now):
            return
        elif signal is Signal.OVERUSE:
            self._back_off(now)
        elif signal is Signal.NORMAL and not self._losses.forbids_growth:
            self._grow(step, now)

    def _cut_for_loss(self, now: float) -> bool:
        factor = self._losses.cut(now, self.rtt)
        if factor < 1:
            tested = HEADROOM * self._acknowledged.long if self._acknowledged.long else self._rate
            self._set(min(self._rate, max(tested, self._rate / 2)) * factor)
            self._note_cut(now)
        return factor < 1

    def _back_off(self, now: float) -> None:
        since = now - self._cut_at
        if since < 0.1 + min(self.rtt, 0.2):
            return
        self._note_cut(now)
        arriving = self._acknowledged.after_overuse
        if self._rate > 2 * arriving and since > 2 and self._delay.queue < self._delay.queue_limit:
            self._set(self._rate / 2)  # little is sent, so little is known: only what persists makes it less
            return
        self._capacity = arriving
        self._resume = min(self._rate, BACK_OFF * arriving)
        deeper = max(0.0, self._delay.queue - self._delay.queue_limit)
        self._set(min(self._rate, arriving * max(LEAST_BACK_OFF, BACK_OFF - deeper)))

    def _note_cut(self, now: float) -> None:
        """What is lost of packets sent before a cut is no reason for another."""
        self._cut_at = self.packets.losses_from = now
        self._losses.forget()
        self._probing.wait(now)

    def _grow(self, step: float, now: float) -> None:
        if self._resume and self._delay.queue < self._delay.queue_limit / 2:
            self._rate, self._resume = max(self._rate, self._resume), 0.0
        most = HEADROOM * self._acknowledged.long + 10_000
        if self._rate >= most or self._delay.queue > self._delay.queue_limit / 2:
            return
        if now - self._cut_at > CALM:  # what comes without a queue is what the path takes
            self._rate = max(self._rate, self._acknowledged.long)
        if self._rate > 1.2 * self._capacity > 0:
            self._capacity = 0.0  # no longer true: look again how much there is
            self._probing.failures, self._probing.next_at = 0, now
        if self._rate > 0.9 * self._capacity > 0:
            grown = self._rate + PACKET * 4 * step / (self.rtt + 0.1)
        else:
            grown = self._rate * (1 + GROWTH) ** step
        self._set(min(grown, most))

    def _set(self, rate: float) -> None:
        self._rate = min(max(rate, FLOOR), CEILING)

    # --- probes ---

    def probe(self, now: float) -> int:
        """Returns how many octets of padding to send now: mostly none. To be called every 20 to 100 ms and after feedback;
        it also notices when feedback stays away."""
        self._notice_silence(now)
        if self._probing.is_running:
            if self._probing.is_over(now, self.rtt):  # nothing else may flow whose feedback would end it
                self._judge_probe(self._delay.signal, now)
                return 0
            return self._probing.padding(now)
        if not self._may_probe(now):
            return 0
        target = min(PROBE_STEP * self._rate, self.wanted * 1.05, CEILING)
        if self._capacity:
            target = min(target, PROBE_MARGIN * max(self._capacity, self._rate))
        if self._is_idle(now):
            self._delay, self._media = DelayTrend(), 1.0  # what was known is old
        return self._probing.begin(target, self._media, now)

    def _may_probe(self, now: float) -> bool:
        if now < self._probing.next_at or self.wanted <= 1.05 * self._rate or not self._media:
            return False
        if self._is_idle(now):
            return True
        return (
            now - self._heard_at < 0.3
            and self._delay.signal is Signal.NORMAL
            and self._delay.queue < self._delay.queue_limit / 2
            and not self._losses.forbids_growth
        )

    def _is_idle(self, now: float) -> bool:
        """Nothing flows, so nothing can be heard: everything is paused, and only padding can find out that it may go on."""
        return now - self.packets.times[self.packets.newest & MASK] > IDLE

    def _judge_probe(self, signal: Signal, now: float) -> None:
        probing, came = self._probing, self._probing.rate()
        if signal is Signal.OVERUSE:
            arriving = came or self._acknowledged.after_overuse
            probing.end(now, self._rate, failed=True)
            self._capacity = max(arriving, self._rate)
            self._cut_at = now  # the queue is the padding's: it drains by itself
            self._set(max(self._rate, BACK_OFF * arriving))
        elif probing.is_over(now, self.rtt):
            passed = probing.has_passed(self._rate)
            self._set(max(self._rate, min(came * (1.0 if passed else BACK_OFF), probing.target)))
            probing.end(now, self._rate, failed=not passed)

    # --- outages ---

    def _notice_silence(self, now: float) -> None:
        if self.packets.newest == self.packets.told or self._is_idle(now):
            self._waiting_since = now  # nothing is under way
        elif now - self._waiting_since > SILENCE + 2 * self.rtt and self._heard_at > 0:
            self._waiting_since = now
            self._silenced = self._silenced or self._rate
            self._probing.stop(now)
            self._probing.wait(now)
            self._set(self._rate / 2)

    def _end_outage(self, now: float) -> None:
        """The path is back: half of what it took, and look at once whether it is the whole again."""
        self._set(max(self._rate, self._silenced / 2))
        self._silenced = self._resume = 0.0
        self.packets.losses_from = now
        self._losses.forget()
        self._delay = DelayTrend()
        self._probing.failures, self._probing.next_at = 0, now + self.rtt
