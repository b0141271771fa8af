"""What a worker counts: messages by what became of them, and how long each took."""

from prometheus_client import Counter, Histogram

MESSAGES = Counter(
    "hub_messages",
    "Messages by what became of them: done, retried (again later), dead (a dead letter), returned (database away)",
    ["service", "event", "outcome"],
)

SECONDS = Histogram(
    "hub_message_seconds",
    "Time from taking a message to its acknowledgement or refusal",
    ["service", "event"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600),
)
