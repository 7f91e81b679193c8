"""PagerDuty's REST API, as far as it is read: an incident, and a webhook subscription."""
