"""A pod on the desk: one TorchServe and one wrapper, as a control plane deploys them."""
