"""What Django needs to keep accounts in SQLite; `ACCOUNTS_FILE` says where."""

from __future__ import annotations

import os

SECRET_KEY = "for measuring only"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "benchmarks.rivals.django_site"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["ACCOUNTS_FILE"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
