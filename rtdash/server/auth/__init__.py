"""Who may do what: tokens, keys, revocations."""
