"""Forward mode: inputs seeded in chunks, one pass each, partials harvested."""
