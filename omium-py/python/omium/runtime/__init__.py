"""An open execution: its frames and places, what opens and ends it, and how a body is driven."""
