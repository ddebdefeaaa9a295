"""Digests of what code on disk was made from, so that it is never stale."""
