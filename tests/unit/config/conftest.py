from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.loader import load
from bridge.config.problems import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bridge.config.problems import Problem
    from bridge.config.schema import Config


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.yaml"


@pytest.fixture
def load_text(config_path: Path) -> Callable[[str], Config]:
    """Loads a configuration given as text."""

    def load_text(text: str) -> Config:
        config_path.write_text(text)
        return load(config_path)

    return load_text


@pytest.fixture
def problems_of(load_text: Callable[[str], Config]) -> Callable[[str], tuple[Problem, ...]]:
    """All problems of a configuration given as text; none if it loads."""

    def problems_of(text: str) -> tuple[Problem, ...]:
        try:
            load_text(text)
        except ConfigError as error:
            return error.problems
        return ()

    return problems_of
