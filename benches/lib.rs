//! Measurements, apart from the tests: a test must not fail because a machine is busy. `make bench` runs them.
