"""The one history of the one database."""
