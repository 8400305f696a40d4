//! Programs to read and to run. Each file beside this one is a whole example; those in `python/` need only
//! the `omium` package. `make test` runs them all.
