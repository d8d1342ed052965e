"""How far to collect: what the investigator allows before a run. A limit that bites shows as stop code or gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracer.errors import InputError

__all__ = ["Budget", "budget_in"]

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one collection. 0 means no limit, except where said.

    addresses: fetched at most, seeds included. requests: sent at most. hops: an address further from the seeds is not
    fetched (HORIZON). least_ppm: an address that holds a smaller share of its theft, in millionths of the stolen
    coin, is not fetched (DUST). most: an address with more transactions is a hub and not followed (HUB); seeds
    always are. since, until: UTC seconds; only blocks between them are asked for.
    """

    addresses: int = 10_000
    requests: int = 0
    hops: int = 0
    least_ppm: int = 1
    most: int = 5_000
    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        for name in ("addresses", "requests", "hops", "least_ppm", "most"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InputError(f"The limit {name} is not a whole number of 0 or more.", "Give digits only.")
        if self.least_ppm > _MILLION:
            raise InputError(
                "No address holds more than a million millionths.", "1000 is a thousandth of the theft."
            )
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InputError("The time window ends before it begins.", "Swap --since and --until.")


def budget_in(thresholds: Mapping[str, str | int | bool]) -> Budget:
    """The budget that the thresholds of a case hold, whatever else they hold. Raises InputError for nonsense."""
    return Budget(**{k: v for k, v in thresholds.items() if k in Budget.__dataclass_fields__})  # type: ignore[arg-type]
