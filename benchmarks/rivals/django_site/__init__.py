"""A Django project of one app whose management command reads one account: the rival of `septet call`."""
