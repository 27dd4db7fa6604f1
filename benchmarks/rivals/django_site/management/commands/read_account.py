"""`django-admin read_account ID`: one account as JSON, as anybody would write the command."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.core.serializers.json import DjangoJSONEncoder


class Command(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.get(pk=options["id"])
        told = {"id": user.pk, "email": user.email, "name": user.first_name, "created_at": user.date_joined}
        self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder))
