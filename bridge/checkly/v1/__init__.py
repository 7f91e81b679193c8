"""Status pages of Checkly's v1 API: services of the account, and a severity."""
