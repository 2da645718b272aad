"""What things cost, measured: `make bench` and its like. Nothing else imports this."""
