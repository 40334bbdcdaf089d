"""Results made readable: a page, Markdown, a badge."""
