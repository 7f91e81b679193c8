"""What Redis is asked for an alert: the commands of a script, which are what ingestion costs it."""

from __future__ import annotations

from tests.unit.store.builders import firing, resolved, to

INCIDENTS = [f"incident{number}" for number in range(10)]  # about as many deliveries share a call under load


async def commands(store, db, make, name: str) -> float:
    """How many an alert takes, of those that come in one call, each for an incident of its own."""
    items = [(make(f"{name}-{incident}"), to(incident)) for incident in INCIDENTS]
    db.config_resetstat()
    await store.ingest(items)
    asked: dict[str, int] = {name: each["calls"] for name, each in db.info("commandstats").items()}
    return (sum(asked.values()) - asked["cmdstat_config|resetstat"]) / len(INCIDENTS)


async def test_an_alert_takes_few_commands(store, db):
    await store.check()  # loads the script
    assert await commands(store, db, firing, "first") <= 21
    assert await commands(store, db, firing, "second") <= 10
    assert await commands(store, db, firing, "second") <= 3
    assert await commands(store, db, resolved, "second") <= 14
