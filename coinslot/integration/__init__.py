"""The gRPC contract, kimball_integration.proto: others are sent what is counted, and asked for predictions."""
