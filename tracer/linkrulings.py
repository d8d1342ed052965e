"""The analyst's word on whether one party controls two addresses: accepted and rejected links, with reason and author.

A ruling moves no coin and deletes no link: it decides which links unite (`tracer.clusters`). It is withdrawn, never
deleted.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tracer import evidence
from tracer.addresses import chain_id, parse_account
from tracer.addresses import tx_hash as checked_tx
from tracer.clusters.link import account_of
from tracer.errors import InputError, NotFoundError, shown
from tracer.grounds import of_case
from tracer.model import LinkRuling, LinkVerdict
from tracer.opinions import Opinions
from tracer.results import frame
from tracer.store.caserecords import CaseFile
from tracer.times import utc_text

__all__ = ["LinkRulings"]


class LinkRulings(Opinions):
    """The opinions of one case, with those on links."""

    def judge_link(
        self,
        a: str,
        b: str,
        verdict: str,
        *,
        rule: str = "",
        tx: str = "",
        confidence: int = 80,
        chain: str = "eip155:1",
        reason: str = "",
        author: str = "",
    ) -> int:
        """Accept or reject that one party controls two addresses; returns the ruling's number.

        a, b: CAIP-10, or addresses of `chain`. verdict: `accept` makes a link of the analyst's own, for which tx is the
        evidence; `reject` takes the links between the two out, those of `rule` and `tx` or all. Where further addresses
        are linked by the same evidence (inputs of one transaction), b comes off and the others stay together. Raises
        InputError, also without a reason and for a rejection of two that no link joins directly; NotFoundError for an
        address that no movement of the case knows.
        """
        if verdict not in list(LinkVerdict):
            raise InputError(
                f"There is no verdict {shown(verdict)} on a link.", f"Choose one of {', '.join(LinkVerdict)}."
            )
        if not reason.strip():
            raise InputError(
                "A ruling needs a reason.", "Say why: --reason TEXT. It is printed with the links."
            )
        if not 0 <= confidence <= 100:
            raise InputError("A confidence lies between 0 and 100.", "Say how sure you are: --confidence N.")
        if verdict == LinkVerdict.ACCEPT and rule:
            raise InputError(
                "A rule goes with `reject`, and only with it.", "Your own link has the rule analyst."
            )
        place = chain_id(chain)
        ends = [parse_account(text, None if text.count(":") > 1 else place) for text in (a, b)]
        if verdict == LinkVerdict.ACCEPT:
            ends.sort()
        if ends[0] == ends[1]:
            raise InputError("A link joins two different addresses.", "Both are the same one.")
        made = LinkRuling(
            number=0,
            verdict=LinkVerdict(verdict),
            a=":".join(ends[0]),
            b=":".join(ends[1]),
            rule=rule,
            tx=checked_tx(ends[0][0], tx) if tx else "",
            confidence=confidence,
            reason=reason,
            author=author,
            made_at=self._now(),
        )
        known = {account for table in self._imported() for account in evidence.accounts(table)}
        for place, address in ends:
            if (place, address) not in known:
                raise NotFoundError(
                    f"The imported history has no movement of {shown(self._display(place, address))} on {place}.",
                    "Check the address, or import a file that contains it.",
                )
        if made.verdict == LinkVerdict.REJECT:
            self._check_rejection(made)
        file = self.update(
            lambda f: replace(f, link_rulings=(*f.link_rulings, replace(made, number=f.next_link_ruling)))
        )
        return file.link_rulings[-1].number

    @of_case
    def link_rulings(self) -> pd.DataFrame:
        """Rulings on links, withdrawn ones marked."""
        rows = [
            (r.number, r.verdict.value, *(self._display_name(x) for x in (r.a, r.b)), r.rule, r.tx)
            + (r.confidence if r.verdict == LinkVerdict.ACCEPT else None, r.reason, r.author)
            + (utc_text(r.made_at), utc_text(r.withdrawn_at))
            for r in self.file.link_rulings
        ]
        columns = ["number", "verdict", "a", "b", "rule", "tx", "confidence", "reason", "author"]
        return frame(rows, [*columns, "made_utc", "withdrawn_utc"])

    def withdraw_link_ruling(self, number: int) -> None:
        """Take a ruling on a link back; it stays on record. Raises NotFoundError."""

        def change(file: CaseFile) -> CaseFile:
            if all(r.number != number for r in file.standing_link_rulings):
                raise NotFoundError(
                    f"There is no ruling {number} on a link to withdraw.", "See `judge list`."
                )
            now = self._now()
            kept = (replace(r, withdrawn_at=now) if r.number == number else r for r in file.link_rulings)
            return replace(file, link_rulings=tuple(kept))

        self.update(change)

    def _check_rejection(self, ruling: LinkRuling) -> None:
        """Refuse a rejection that meets no link; the links are known in `tracer.attribution`, above the record."""
        raise NotImplementedError

    def _display_name(self, name: str) -> str:
        """`chain:address` with the address as people read it."""
        chain, address = account_of(name)
        return f"{chain}:{self._display(chain, address)}"
