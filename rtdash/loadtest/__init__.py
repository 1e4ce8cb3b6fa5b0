"""The load test: plan, generator, run and verdict, in this order of import."""
