"""What only development needs: checks of `./dev lint` that no ready tool makes, and servers for tests."""
