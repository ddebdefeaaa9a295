"""The number that knows which inputs it depends on."""
