"""Contract suites: what every implementation behind a seam must do, for use in one's own tests."""
