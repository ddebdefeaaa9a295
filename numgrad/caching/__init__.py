"""What code that is kept on disk was made from, so that it is never stale."""
