"""Holding what a running Coinslot answers to its OpenAPI document."""
