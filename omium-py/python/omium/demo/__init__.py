"""What `omium demo` runs: two small agents, a local model that bills every call, and the story."""
