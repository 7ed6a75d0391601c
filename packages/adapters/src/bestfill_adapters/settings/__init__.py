"""Settings, read from the environment once and checked whole, before anything starts."""

from bestfill_adapters.settings.environment import OF_THE_COMMAND_LINE, VARIABLES, differing, load
from bestfill_adapters.settings.model import Hidden, MockSettings, Settings, SettingsError, SolanaSettings
from bestfill_adapters.settings.texts import PPM, VENUE_NAME

__all__ = [
    "OF_THE_COMMAND_LINE",
    "PPM",
    "VARIABLES",
    "VENUE_NAME",
    "Hidden",
    "MockSettings",
    "Settings",
    "SettingsError",
    "SolanaSettings",
    "differing",
    "load",
]
