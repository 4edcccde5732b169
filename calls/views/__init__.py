"""Pages of this room: what visitors read, the simulator, requests of affiliation for agents."""
