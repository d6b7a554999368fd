//! Whole packets, cut and broken ones.
