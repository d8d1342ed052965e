"""The way out: one HTTP client for every provider, with its rate, its retries and its key. Knows no chain, no store."""

from tracer.transport.client import Counts, Patience, Transport
from tracer.transport.keys import key_of
from tracer.transport.providers import find_provider, providers

__all__ = ["Counts", "Patience", "Transport", "find_provider", "key_of", "providers"]
