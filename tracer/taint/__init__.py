"""Taint accounting: which part of what an address holds is stolen coin, under a stated rule, exactly."""
