"""What a run leaves behind: journal, ledger, run directory, signatures."""
