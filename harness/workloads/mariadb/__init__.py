"""MariaDB, as far as it differs from MySQL."""
