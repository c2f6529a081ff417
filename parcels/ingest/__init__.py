"""Deliveries in: files of any kind become columns, with what was found on the way."""
