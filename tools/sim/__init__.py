"""The deterministic simulator: the real engine in a world whose time, chance and misfortunes one seed owns."""
