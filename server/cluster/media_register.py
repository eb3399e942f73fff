"""The register of which node holds which room's media: scripts that Redis runs, so each step is one. Neighbours:
`media_lease`, what a node may conclude from it; `media_keeper`, who asks.

Five keys: `leases` (sorted set: when each ends, by Redis' clock), `homes` (hash: a room's lease and epoch), `loads` and
`about` (hashes, by lease: for choosing, and for the other nodes), `state`. A lease that is over takes its rooms with it.
Redis that has forgotten (restarted, emptied, put back to an old state), or that nobody spoke to for half a lease, is calm
for the length of one: nothing is given to anybody, and whoever holds rooms says so; of two who do, the later one is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from redis.asyncio import Redis

_PREAMBLE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local length = tonumber(ARGV[1])
local LEASES, HOMES, LOADS, ABOUT, STATE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local function whole(n) return string.format('%.0f', n) end
local function state(field) return tonumber(redis.call('HGET', STATE, field) or '0') end
local function owner(home) return string.match(home, '^(%S+) ') end
local function epoch_of(home) return tonumber(string.match(home, ' (%d+)$')) end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('HGET', STATE, 'run') ~= run or now - state('pulse') > length / 2 or now < state('pulse') then
  local next_one = math.max(state('generation') + 1, now)
  redis.call('HSET', STATE, 'run', run, 'generation', whole(next_one), 'calm', whole(now + length))
  redis.call('DEL', HOMES)
  for _, lease in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do redis.call('ZADD', LEASES, whole(now + length), lease) end
end
redis.call('HSET', STATE, 'pulse', whole(now))
local calm, generation = now < state('calm'), redis.call('HGET', STATE, 'generation')
local function forget(over)
  for lease in pairs(over) do
    redis.call('ZREM', LEASES, lease)
    redis.call('HDEL', LOADS, lease)
    redis.call('HDEL', ABOUT, lease)
  end
  local homes = redis.call('HGETALL', HOMES)
  for i = 1, #homes, 2 do
    if over[owner(homes[i + 1])] then redis.call('HDEL', HOMES, homes[i]) end
  end
end
if not calm then
  local over = {}
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', whole(now))) do over[lease] = true end
  if next(over) then forget(over) end
end
local function prolong(lease) redis.call('ZADD', LEASES, whole(now + length), lease) end
local lease = ARGV[2]
local is_known = redis.call('ZSCORE', LEASES, lease)
"""

# ARGV: length, lease, load, about, how ("new": a first time, "again": known unless all was forgotten, "known").
_RENEW: Final = """
local how = ARGV[5]
if not is_known and not (how == 'new' or (how == 'again' and calm)) then return {0, generation, 0, {}} end
prolong(lease)
redis.call('HSET', LOADS, lease, ARGV[3])
redis.call('HSET', ABOUT, lease, ARGV[4])
return {1, generation, calm and 1 or 0, redis.call('HGETALL', ABOUT)}
"""

# ARGV: length, lease, then room and epoch in turn. Returns those that are another's.
_RECLAIM: Final = """
if not is_known then return {0, generation, {}} end
prolong(lease)
local lost, newest = {}, state('epoch')
for i = 3, #ARGV, 2 do
  local home = redis.call('HGET', HOMES, ARGV[i])
  newest = math.max(newest, tonumber(ARGV[i + 1]))
  if not home or (calm and epoch_of(home) < tonumber(ARGV[i + 1])) then
    redis.call('HSET', HOMES, ARGV[i], lease .. ' ' .. ARGV[i + 1])
  elseif home ~= lease .. ' ' .. ARGV[i + 1] then
    lost[#lost + 1] = ARGV[i]
  end
end
redis.call('HSET', STATE, 'epoch', whole(newest))
return {1, generation, lost}
"""

# ARGV: length, lease, room, what it adds to a load. Returns the home, "" while there is none to be had. Of equal loads
# whoever asks, then by name. The holder's own question begins a new epoch: a release that comes late no longer means it.
_PLACE: Final = """
local home, epoch = redis.call('HGET', HOMES, ARGV[3]), math.max(state('epoch') + 1, now)
if home and owner(home) ~= lease then return {home, generation} end
if calm and not home then return {'', generation} end
local function take(by)
  home = by .. ' ' .. whole(epoch)
  redis.call('HSET', STATE, 'epoch', whole(epoch))
  redis.call('HSET', HOMES, ARGV[3], home)
end
if home then
  take(lease)
  return {home, generation}
end
local best, least
local loads = redis.call('HGETALL', LOADS)
for i = 1, #loads, 2 do
  local load = tonumber(loads[i + 1])
  if not best or load < least or (load == least and best ~= lease and (loads[i] == lease or loads[i] < best)) then
    best, least = loads[i], load
  end
end
if not best then return {'', generation} end
take(best)
redis.call('HSET', LOADS, best, string.format('%.6f', least + tonumber(ARGV[4])))
return {home, generation}
"""

# ARGV: length, lease, then room and epoch in turn. They have no home any more.
_RELEASE: Final = """
for i = 3, #ARGV, 2 do
  if redis.call('HGET', HOMES, ARGV[i]) == lease .. ' ' .. ARGV[i + 1] then redis.call('HDEL', HOMES, ARGV[i]) end
end
"""

# ARGV: length, lease.
_LEAVE: Final = "forget({[lease] = true})"


class Home(Struct, frozen=True):
    """Which lease a room is held under. `epoch`: larger than that of any holder before."""

    lease: str
    epoch: int


class Renewal(Struct, frozen=True):
    """`is_ours` False: the lease is over. `generation`: another than before: Redis has forgotten the rooms, which must be
    reclaimed. `about`: of all leases that are not over; `is_calm`: of those that have said so yet."""

    is_ours: bool
    generation: int
    is_calm: bool
    about: Mapping[str, bytes]


class Reclaim(Struct, frozen=True):
    is_ours: bool
    generation: int
    lost: frozenset[str]


class MediaRegister:
    """`prefix`: of its keys; `seconds`: a lease's length. Everything raises `cluster.redis.AWAY`."""

    def __init__(self, client: Redis, prefix: str, seconds: float) -> None:
        self._keys = [f"{prefix}:{name}" for name in ("leases", "homes", "loads", "about", "state")]
        self._length = int(seconds * 1000)
        scripts = {"renew": _RENEW, "reclaim": _RECLAIM, "place": _PLACE, "release": _RELEASE, "leave": _LEAVE}
        self._scripts = {name: client.register_script(_PREAMBLE + script) for name, script in scripts.items()}

    async def renew(self, lease: str, load: float, about: bytes, *, is_new: bool, rejoins: bool) -> Renewal:
        """`rejoins`: it has been good all the time, so a Redis that does not know it has forgotten it."""
        how = "new" if is_new else "again" if rejoins else "known"
        ours, generation, calm, flat = await self._run("renew", lease, f"{load:.6f}", about, how)
        told = {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}
        return Renewal(bool(ours), int(generation), bool(calm), told)

    async def reclaim(self, lease: str, holds: Mapping[str, int]) -> Reclaim:
        """Says what is held; prolongs the lease as a renewal does."""
        ours, generation, lost = await self._run("reclaim", lease, *_flat(holds))
        return Reclaim(bool(ours), int(generation), frozenset(room.decode() for room in lost))

    async def place(self, lease: str, room: str, weight: float) -> tuple[Home | None, int]:
        """The room's home, chosen if it has none: whoever has the least to do, to which `weight` is added until they say
        more. None: not now. And the generation."""
        home, generation = await self._run("place", lease, room, f"{weight:.6f}")
        return (_home(home.decode()) if home else None), int(generation)

    async def release(self, lease: str, holds: Mapping[str, int]) -> None:
        """These are held no longer."""
        if holds:
            await self._run("release", lease, *_flat(holds))

    async def leave(self, lease: str) -> None:
        """Ends a lease."""
        await self._run("leave", lease)

    async def _run(self, name: str, *arguments: Any) -> Any:
        return await self._scripts[name](keys=self._keys, args=[self._length, *arguments])


def _flat(holds: Mapping[str, int]) -> Iterator[str | int]:
    return (part for hold in holds.items() for part in hold)


def _home(text: str) -> Home:
    lease, _, epoch = text.partition(" ")
    return Home(lease, int(epoch))
