"""What contrib/bench is made of."""
