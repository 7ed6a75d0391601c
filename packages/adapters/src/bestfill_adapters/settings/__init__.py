"""Settings, read from the environment once and checked whole, before anything starts."""

from bestfill_adapters.settings.environment import OF_THE_COMMAND_LINE, VARIABLES, differing, load
from bestfill_adapters.settings.model import (
    AccessSettings,
    Hidden,
    LimitSettings,
    MandateSettings,
    MockSettings,
    Settings,
    SettingsError,
    SolanaSettings,
    TelemetrySettings,
)
from bestfill_adapters.settings.texts import PPM, VENUE_NAME

__all__ = [
    "OF_THE_COMMAND_LINE",
    "PPM",
    "VARIABLES",
    "VENUE_NAME",
    "AccessSettings",
    "Hidden",
    "LimitSettings",
    "MandateSettings",
    "MockSettings",
    "Settings",
    "SettingsError",
    "SolanaSettings",
    "TelemetrySettings",
    "differing",
    "load",
]
