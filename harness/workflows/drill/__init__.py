"""One drill: scenario, request, plan, steps."""
