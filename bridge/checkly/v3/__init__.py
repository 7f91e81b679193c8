"""Status pages of Checkly's v3 API: components of their own, each with an impact."""
