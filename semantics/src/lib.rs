//! Exact numbers, units, payload formats and mappings: what devices say, in one canonical form.
