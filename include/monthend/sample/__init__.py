"""Made-up inboxes, for trying the product without an extract: a sample force, and public street files."""
