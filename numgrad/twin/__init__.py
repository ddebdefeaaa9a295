"""The compiler: any function, on any number."""
