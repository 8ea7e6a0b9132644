"""Start real PostgreSQL and Valkey servers on free ports, and break them."""
