"""What became of an incident, and why, as entries of its history. Pure.

The entries go to the store with the progress that they tell of, in one script: so a post cannot change without one,
and none tells of what was not recorded. `entries` derives them from that progress, before and after, and from what the
steps came to in between; what nobody thought of is told all the same, by the names of the fields that changed. What
changes the facts is told by the scripts that change them (`store/scripts/history.lua`), in the words of the same table.
"""

from bridge.core.history.entry import MEANINGS, By, Entry, What, edited, entry, in_words
from bridge.core.history.judged import judged
from bridge.core.history.line import Line, folded
from bridge.core.history.progress import BOOKKEEPING, entries
from bridge.core.history.steps import Happened

__all__ = [
    "BOOKKEEPING",
    "MEANINGS",
    "By",
    "Entry",
    "Happened",
    "Line",
    "What",
    "edited",
    "entries",
    "entry",
    "folded",
    "in_words",
    "judged",
]
