"""Pages of the jury, by audience: jurors, chair and secretariat, ministry."""
