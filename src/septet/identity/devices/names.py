"""What to call a device, from what its program says of itself: a few words of our own, never theirs."""

from __future__ import annotations

# The first that fits names it: nearly all say that they are Mozilla, and most that they are Safari.
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("okhttp", "an Android app"),
    ("CFNetwork", "an Apple app"),
    ("Dart/", "a Flutter app"),
    ("python", "a Python program"),
    ("node", "a Node program"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "Mac"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def name_of(user_agent: str) -> str:
    """Such as `Firefox, Linux`."""
    program = next((name for mark, name in _PROGRAMS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return ", ".join(filter(None, (program, system))) or "an unknown program"
