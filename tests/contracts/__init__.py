"""State once what every implementation of a port must do."""
