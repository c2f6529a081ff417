"""The drawing office: how parcels relate to layers, plan, districts and indicators."""
