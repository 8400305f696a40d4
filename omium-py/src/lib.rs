//! `omium._omium`: omium-core for Python.
