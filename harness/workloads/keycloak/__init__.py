"""What people log in to, and that keeps all it knows in one of the stores."""
