//! The words that all other modules speak.
