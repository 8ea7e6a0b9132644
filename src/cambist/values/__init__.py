"""Names the smallest nouns: ids, amounts, prices, tokens, instants and routes."""
