"""The Sphinx extensions behind the site. _config.yml loads them."""
