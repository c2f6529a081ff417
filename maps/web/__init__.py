"""The pages that inspectors and staff open every day, served on one machine."""
