"""One cell of results again, on what it stood on then."""
