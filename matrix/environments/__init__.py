"""The environments of SDK releases and peers, made from their locks."""
