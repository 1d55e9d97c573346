"""What `ferbench plugin new` writes: a template for each kind of plugin."""
