"""The floor: what every system stands on. Imports no system, no door and no engine."""
