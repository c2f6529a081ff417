"""The rules between layers: what parcels say together that cannot stand."""
