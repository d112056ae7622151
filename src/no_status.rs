//! Replaces `status` without the Cargo feature of that name: there is no status service.
