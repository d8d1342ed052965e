"""How far to collect: what the investigator allows before a run. A limit that bites shows as stop code or gap."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from tracer.errors import InputError, shown

__all__ = ["Budget", "Direction", "budget_in"]

_MILLION = 1_000_000
_LEAST = re.compile(r"(?:(?P<asset>[^\s=]+)=)?(?P<units>[0-9]{1,78})")


class Direction(StrEnum):
    """Which way coin is followed."""

    FORWARD = "forward"
    """From the seeds to where stolen coin went."""
    BACKWARD = "backward"
    """From the targets to where their coin came from."""


@dataclass(frozen=True)
class Budget:
    """Limits of one collection. 0 means no limit, except where said.

    addresses: fetched at most, seeds included. requests: sent at most. hops: an address further from the seeds (or
    from the targets) is not fetched (HORIZON). least_ppm: an address that holds a smaller share of its theft (or
    supplied a smaller share of a target), in millionths, is not fetched (DUST). least_raw: nor is one with fewer
    units than this, `ASSET=UNITS` for each asset that counts, separated by spaces (ASSET: `native`, a contract, or
    `chain/asset`; UNITS: smallest units of the stolen asset, or of the target's; "": no such limit); it is kept if
    it has enough of one of them. most: an address with more transactions is a hub and not followed (HUB); seeds and
    targets always are. since, until: UTC seconds; only blocks between them are asked for. direction: `Direction`.
    """

    addresses: int = 10_000
    requests: int = 0
    hops: int = 0
    least_ppm: int = 1
    most: int = 5_000
    since: int | None = None
    until: int | None = None
    least_raw: str = ""
    direction: str = Direction.FORWARD.value

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
        if self.direction not in list(Direction):
            raise InputError(
                f"There is no direction {shown(self.direction)}.", f"Choose one of {', '.join(Direction)}."
            )
        assert self._least is not None  # noqa: S101 - raises for what is not understood

    @property
    def backward(self) -> bool:
        """Whether coin is followed to where it came from."""
        return self.direction == Direction.BACKWARD

    @cached_property
    def _least(self) -> dict[str, int]:
        """Asset as it was written ("" where none was) -> units."""
        found: dict[str, int] = {}
        for word in self.least_raw.split():
            match = _LEAST.fullmatch(word)
            if match is None:
                raise InputError(
                    f"{shown(word)} is no least value.", "Write ASSET=UNITS, e.g. native=1000000000000000000."
                )
            asset = match["asset"] or ""
            asset = asset.lower() if "0x" in asset.lower() else asset
            if found.setdefault(asset, int(match["units"])) != int(match["units"]):
                raise InputError(
                    f"Two least values are given for {shown(asset)}.", "Give one for each asset."
                )
        return found

    def named(self, assets: Collection[str]) -> Budget:
        """The same with an asset beside every least value; `assets` are those that the seeds state.

        Raises InputError if a value stands alone and the stolen asset is not known, or is not one.
        """
        if "" not in self._least:
            return self
        if len(set(assets)) != 1:
            what = (
                "the seeds do not say which asset was stolen" if not assets else "several assets were stolen"
            )
            raise InputError(
                f"The least value stands alone, and {what}.",
                "Write ASSET=UNITS: native=..., or a contract=...",
            )
        only = next(iter(assets))
        words = [f"{asset or only}={units}" for asset, units in self._least.items()]
        return replace(self, least_raw=" ".join(words))

    def least_of(self, chain: str, ref: str) -> int:
        """The fewest units of an asset that are worth a history; 0 where no limit is stated."""
        return self._least.get(f"{chain}/{ref}", self._least.get(ref, 0))


def budget_in(thresholds: Mapping[str, str | int | bool]) -> Budget:
    """The budget that the thresholds of a case hold, whatever else they hold. Raises InputError for nonsense."""
    return Budget(**{k: v for k, v in thresholds.items() if k in Budget.__dataclass_fields__})  # type: ignore[arg-type]
