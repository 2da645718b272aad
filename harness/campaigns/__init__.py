"""Many runs: matrix, schedule, trend."""
