"""Effects: how they act, what is in doubt, what undoes them, and the ledger of all of them."""
