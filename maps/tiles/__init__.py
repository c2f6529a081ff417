"""Vector tiles of a layer at any moment, from columns kept in memory."""
