"""Alertmanager asked: what it lists now, over its HTTP API, version 2. Nothing is ever written there."""
