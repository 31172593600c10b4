//! The committed vectors of every sealed format: what this version reads is what earlier ones wrote.

#[cfg(test)]
mod golden;
