"""Authentication and rights: tokens, keys, revocations."""
