"""What of a deployment goes through Redis 7 or newer, or Valkey."""

from bestfill_adapters.redis.notifier import RedisNotifier

__all__ = ["RedisNotifier"]
