"""The register office: what a parcel is, since when, and who said so."""
