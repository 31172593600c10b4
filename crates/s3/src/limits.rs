//! Limits of buckets and objects.
