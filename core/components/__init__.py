"""What the page components compute: tones of states, geometry of charts."""
