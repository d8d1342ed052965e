"""Collecting: fetch hop after hop what the investigator allows, so that it can be stopped, resumed and proved later."""
