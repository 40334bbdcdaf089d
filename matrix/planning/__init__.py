"""Which cells there are, which checks each gets, and what is expected of them: no running yet."""
