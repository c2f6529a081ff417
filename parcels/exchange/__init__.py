"""Deliveries out: files other programs and offices take."""
