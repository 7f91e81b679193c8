"""PagerDuty's V3 webhooks: signature, events, labels, and the notes that people write for the public."""
