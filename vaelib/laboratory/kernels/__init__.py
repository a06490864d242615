"""The arithmetic of the lab, in C and compiled to WebAssembly."""
