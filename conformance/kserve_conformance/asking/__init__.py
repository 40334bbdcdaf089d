"""How a server is asked: its address and model, its clients, and what it offers."""
