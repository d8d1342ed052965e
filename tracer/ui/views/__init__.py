"""The pages of the web UI: trace, case, about. Each module has one public function, `render`."""
