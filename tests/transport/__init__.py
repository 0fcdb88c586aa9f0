"""The queue transport held against a model: tests/integration/test_transport_machine.py."""
