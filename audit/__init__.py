"""What a browser, a checker and a stopwatch say of the storefront: ``make audit``."""
