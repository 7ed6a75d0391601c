"""The store in SQL: the tables that PostgreSQL and SQLite share, their migrations, and the SQLite store."""
