"""What judging comes to: verdicts, results, transcripts, claims, and what a person sees of them."""
