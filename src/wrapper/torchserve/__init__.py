"""TorchServe as seen from the wrapper: inference, management, readiness, repository, its errors."""
