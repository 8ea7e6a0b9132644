"""Holds the scripts that Redis runs, each of which changes several keys atomically."""

from __future__ import annotations

from typing import Final

PUBLISH_EVENTS: Final = """
local ttl = ARGV[1]
for i, key in ipairs(KEYS) do
  local seq, message = ARGV[2 * i], ARGV[2 * i + 1]
  redis.call('PUBLISH', key, message)
  local held = redis.call('GET', key)
  local known = held and tonumber(string.match(held, '"seq":(%d+)')) or 0
  if tonumber(seq) > known then
    redis.call('SET', key, message, 'PX', ttl)
  end
end
return #KEYS
"""
"""Publish messages of orders, each on its order's channel, and keep the latest of each order.

KEYS are `order:{id}`; ARGV is the time to live in ms, then seq and message of each. A quote within
a text of the message is escaped, so that only its own `seq` is found.
"""

ADD_WAKEUPS: Final = """
for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'order', ARGV[i])
end
return 1
"""
"""Add wake-ups to the stream KEYS[1]; ARGV is how many it may hold, then the order of each."""

ACQUIRE_TOKENS: Final = """
local PARTS = 60000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local waits = {}
for i, key in ipairs(KEYS) do
  local cost = tonumber(ARGV[3 * i - 2]) * PARTS
  local per_minute = tonumber(ARGV[3 * i - 1])
  local full = tonumber(ARGV[3 * i]) * PARTS
  local parts, at = full, now
  local held = redis.call('GET', key)
  if held then
    local was, since = string.match(held, '^(%d+) (%d+)$')
    if was then
      at = math.max(tonumber(since), now)
      parts = math.min(tonumber(was) + (at - tonumber(since)) * per_minute, full)
    end
  end
  if cost <= parts then
    parts = parts - cost
    waits[i] = -math.floor(parts / PARTS)
  else
    waits[i] = math.ceil((cost - parts) / per_minute)
  end
  local filled = math.ceil((full - parts) / per_minute) + at - now
  if filled > 0 then
    redis.call('SET', key, string.format('%.0f %.0f', parts, at), 'PX', filled)
  else
    redis.call('DEL', key)
  end
end
return waits
"""
"""Take tokens from buckets, all of a cost or none, by the clock of Redis; return the waits in ms.
What was taken has no wait: the reply is 0 or less, minus what is left of the bucket.

KEYS are the buckets; ARGV has cost, rate a minute and burst of each. A level is kept in parts of a
token, 60,000 to one, as in `coordination/memory_rate_limits.py`. A bucket that is full again is
forgotten.
"""
