"""The sidecar: feature flags out of a file, and analytic events passed on, beside an application in its pod."""
