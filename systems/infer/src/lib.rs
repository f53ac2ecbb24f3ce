//! Network input to boxes and classes: one thread a device, batches across cameras.
