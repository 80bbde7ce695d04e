"""Session records: keys, codec, and the store on Redis or Valkey."""
