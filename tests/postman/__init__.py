"""Prove that the Postman collection says what is so."""
