"""TorchServe as seen from the wrapper: inference over REST and gRPC, management, its errors."""
