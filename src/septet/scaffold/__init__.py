"""What `septet new-system` lays out: a package with one system in it. Its files are the templates in `package`."""
