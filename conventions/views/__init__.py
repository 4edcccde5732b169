"""Pages of conventions, by audience."""
