"""What happens how often: each plan gives its acts (tools/emulation/life.py) their shares."""

from __future__ import annotations

__all__ = ["PLANS"]

PLANS: dict[str, dict[str, int]] = {
    "people": {
        "payment": 420, "several payments": 40, "everything": 12, "gathering": 40, "deposit": 60, "purchase": 60,
        "service": 50, "collection": 30, "withdrawals": 60, "equal withdrawals": 24, "salaries": 20,
        "equal parts": 16, "mock mix": 16, "supplies": 24, "payjoin": 6, "joinmarket": 70, "joiner pays": 24,
        "plain coinjoin": 4, "trade": 4, "escrow": 4,
    },
    "services": {
        "payment": 160, "several payments": 60, "everything": 20, "gathering": 60, "deposit": 160, "purchase": 120,
        "service": 120, "collection": 80, "withdrawals": 160, "equal withdrawals": 60, "salaries": 40,
        "equal parts": 24, "mock mix": 24, "supplies": 60, "payjoin": 4, "joinmarket": 60, "joiner pays": 24,
        "plain coinjoin": 8, "trade": 8, "escrow": 8,
    },
    "lookalikes": {
        "payment": 200, "gathering": 20, "deposit": 40, "service": 20, "collection": 20, "withdrawals": 40,
        "equal withdrawals": 120, "salaries": 40, "equal parts": 120, "mock mix": 120, "supplies": 20,
        "joinmarket": 120, "joiner pays": 40, "plain coinjoin": 20,
    },
}  # fmt: skip
"""Name of a plan -> shares of its acts."""
