"""Hold the API's own description to what the server does."""
