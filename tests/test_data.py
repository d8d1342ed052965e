"""The bundled facts are what data/README.md says they are."""

from __future__ import annotations

import hashlib
import re

from tracer.addresses import canonical, display
from tracer.bundled import BYBIT, load
from tracer.data import data_dir


def test_every_data_file_is_listed_with_its_sum() -> None:
    text = (data_dir() / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"- `([^`]+)`: ([0-9a-f]{64})", text))
    files = {
        str(path.relative_to(data_dir()))
        for path in data_dir().rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert set(listed) == files
    for name, digest in listed.items():
        assert hashlib.sha256((data_dir() / name).read_bytes()).hexdigest() == digest, name


def test_the_bundled_case_names_valid_addresses_and_sources() -> None:
    facts = load(BYBIT)
    assert len(facts.seeds) == 4
    for seed in facts.seeds:
        assert canonical(seed.chain, display(seed.chain, seed.address)) == seed.address
        assert seed.source
    assert len(facts.conversions) == 12
    assert sum(c.amount for c in facts.conversions) == 98_047_894_800_000_000_000_000
    assert all(c.source for c in facts.conversions)
