"""The documents of docs/api, generated from the API itself."""
