"""Readers of the outside world: files now, networks beside them. None of them knows the database."""
