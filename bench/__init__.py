"""What things cost, measured: `make bench` and its like. No other part of the harness imports this."""
