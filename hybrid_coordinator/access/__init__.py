"""Who may reach the coordinator from elsewhere: tokens, and the audit of what is done."""
