"""Month-end: police and partner extracts in, one frozen snapshot and every board's pack out."""
