"""What `coinslot doctor` looks at: the settings, Redis, MongoDB, the queue, the web front and this machine.

A probe is a callable that returns findings. It is handed its client, and changes nothing.
"""
