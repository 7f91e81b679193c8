"""The HTTP side: webhooks, the API for administrators, health, and the server that carries them."""
