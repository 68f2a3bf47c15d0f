"""What `headrace init` and `headrace connectors new` write, as files."""
