"""What may be shown of a text that a stranger wrote: no secrets, no tricks, no Markdown."""
