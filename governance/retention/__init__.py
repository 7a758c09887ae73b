"""How long records are kept at least and at most: ages, rules, the policies' tables, what they mean for a record."""
