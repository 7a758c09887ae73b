"""Search that never sees text: keyed terms and rotated vectors, over what the asker may see. `index` is its door."""
