"""Invented parcels and deliveries, marked as samples, for the demo, tests and benchmarks."""
