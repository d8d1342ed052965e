"""Columns that the tracer does not know, kept as one JSON object a row."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tracer.chains.csv_guard import unguard

__all__ = ["as_json"]


def as_json(columns: Mapping[str, pa.Array], count: int) -> pa.Array:
    """`{"header": "text", ...}` for each of `count` rows, in column order without empty cells; null if all are."""
    members = []
    for header, column in columns.items():
        encoded = column.dictionary_encode()
        key = json.dumps(header, ensure_ascii=False)
        values = encoded.dictionary.to_pylist()
        texts = [f", {key}: {json.dumps(unguard(v), ensure_ascii=False)}" if v else "" for v in values]
        if any(texts):
            members.append(pa.array(texts, pa.string()).take(encoded.indices))
    if not members:
        return pa.nulls(count, pa.string())
    # no nulls among the parts: pyarrow drops a row whose parts are all null
    joined = pc.binary_join_element_wise(*members, "")
    whole = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, 2), "}", "")
    return pc.if_else(pc.equal(joined, ""), None, whole)
