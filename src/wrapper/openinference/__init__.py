"""The Open Inference Protocol (V2): tensors, requests and answers in their encodings.

JSON is the form in which TorchServe's envelopes read and write tensors, so that each
other encoding (typed and raw gRPC contents, the binary tensor extension) is turned into
it and back. A request that is JSON already is checked and passed on as it came.
"""
