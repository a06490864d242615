"""A VAE that trains in the page, under the reader's hand: in WebAssembly, in a worker of the browser."""
