"""How the wrapper knows what has become of TorchServe: by watching it, and by asking seldom."""
