"""Version 1 of the API: inputs, outputs and views, one module per resource."""
